/** Successes whose bodies are not what RFC 6749 §5.1 and RFC 8259 say. */
import { expired, malformed, used, type Entry } from './promises.js';
import { CANARY, type Body, type Fault } from './types.js';

const members = (more: Readonly<Record<string, unknown>>): Fault => ({ kind: 'members', members: more });
const texts = (more: Readonly<Record<string, string>>): Fault => ({ kind: 'members', texts: more });
const without = (...names: readonly string[]): Fault => ({ kind: 'members', without: names });
const body = (given: Body, contentType?: string): Fault => ({
  kind: 'body',
  body: given,
  ...(contentType !== undefined && { contentType }),
});

const next = { hasNext: true } as const;
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const DEEP = 100_000;
/** The life that is assumed where none is named. */
const ASSUMED_MS = 300_000;
const HOUR_MS = 3_600_000;

const lives: readonly Entry[] = [
  used('expires_in missing', without('expires_in'), ASSUMED_MS),
  used('expires_in null', members({ expires_in: null }), ASSUMED_MS),
  expired('expires_in 0', members({ expires_in: 0 })),
  expired('expires_in -1', members({ expires_in: -1 })),
  expired('expires_in "-1"', members({ expires_in: '-1' })),
  expired('expires_in -1e300', texts({ expires_in: '-1e300' })),
  used('expires_in 1e12', members({ expires_in: 1e12 }), Infinity),
  used('expires_in 2^31', members({ expires_in: 2 ** 31 }), 2 ** 31 * 1_000),
  malformed('expires_in 1e400', texts({ expires_in: '1e400' }), next),
  used('expires_in "3600"', members({ expires_in: '3600' })),
  used('expires_in " 3600 "', members({ expires_in: ' 3600 ' })),
  used('expires_in "36e2"', members({ expires_in: '36e2' })),
  malformed('expires_in "1e400"', members({ expires_in: '1e400' }), next),
  used('expires_in 3600.9', members({ expires_in: 3600.9 }), 3_600_900),
  malformed('expires_in "soon"', members({ expires_in: `soon, ${CANARY}` }), next),
  malformed('expires_in "0x10"', members({ expires_in: '0x10' }), next),
  malformed('expires_in ""', members({ expires_in: '' }), next),
  malformed('expires_in [3600]', members({ expires_in: [3600] }), next),
  malformed('expires_in {}', members({ expires_in: {} }), next),
  malformed('expires_in true', members({ expires_in: true }), next),
  malformed('expires_in nested', texts({ expires_in: nested(DEEP) }), next),
  ...[-1, 0, 1e12, 'soon', null, [1]].map((hint) =>
    used(`refresh_in ${JSON.stringify(hint)}`, members({ refresh_in: hint })),
  ),
];

const tokens: readonly Entry[] = [
  malformed('access_token missing', without('access_token'), next),
  malformed('access_token null', members({ access_token: null }), next),
  malformed('access_token ""', members({ access_token: '' }), next),
  malformed('access_token a number', members({ access_token: 4711 }), next),
  malformed('access_token an object', members({ access_token: { [CANARY]: 1 } }), next),
  malformed('access_token nested', texts({ access_token: nested(DEEP) }), next),
  malformed('access_token with CR LF', members({ access_token: `${CANARY}\r\nx-evil: 1` }), next),
  malformed('access_token with NUL', members({ access_token: `${CANARY}\0` }), next),
  malformed('access_token with a lone surrogate', members({ access_token: `${CANARY}\ud800` }), next),
  malformed('access_token that is no ASCII', members({ access_token: `${CANARY}\u00fc` }), next),
  malformed('access_token of 70 kB', members({ access_token: CANARY.repeat(12_000) }), next),
  malformed('access_token of 1 MB', members({ access_token: CANARY.repeat(170_000) })),
  malformed('token_type missing', without('token_type'), next),
  malformed('token_type null', members({ token_type: null }), next),
  malformed('token_type a list', members({ token_type: ['Bearer'] }), next),
  malformed('token_type mac', members({ token_type: 'mac' }), next),
  malformed('token_type DPoP', members({ token_type: 'DPoP' }), next),
  malformed('token_type N_A', members({ token_type: 'N_A' }), next),
  malformed('token_type constructor', members({ token_type: 'constructor' }), next),
  malformed('token_type with CR LF', members({ token_type: 'Bearer\r\nx-evil: 1' }), next),
  used('token_type BEARER', members({ token_type: 'BEARER' })),
  malformed('scope a list', members({ scope: [CANARY] }), next),
  malformed('scope nested', texts({ scope: nested(DEEP) }), next),
  malformed('scope of 70 kB', members({ scope: 'read '.repeat(14_000) }), next),
  used('scope null', members({ scope: null })),
  used('scope ""', members({ scope: '' })),
  used('refresh_token null', members({ refresh_token: null }), HOUR_MS, { spoils: true }),
  malformed('refresh_token ""', members({ refresh_token: '' })),
  malformed('refresh_token a list', members({ refresh_token: [CANARY] })),
  malformed('refresh_token with CR LF', members({ refresh_token: `${CANARY}\r\n` })),
  malformed('refresh_token of 60 kB', members({ refresh_token: CANARY.repeat(10_000) })),
  malformed('refresh_token of quotes', members({ refresh_token: '"'.repeat(40_000) })),
  used('refresh_token missing', without('refresh_token'), HOUR_MS, { spoils: true }),
  used('id_token broken', members({ id_token: `${CANARY}.x.y` })),
  used('id_token null', members({ id_token: null })),
];

const forms: readonly Entry[] = [
  used('a member that nobody knows, nested', texts({ [CANARY]: nested(DEEP) })),
  used('__proto__', texts({ ['__proto__']: '{"expires_in":1,"access_token":5}' })),
  used(
    'toJSON, toString and constructor',
    members({ toJSON: 1, toString: 2, constructor: { prototype: 1 }, length: 3 }),
  ),
  used(
    '10,000 members that nobody knows',
    texts(Object.fromEntries(Array.from({ length: 1e4 }, (_, i) => [`m${i}`, '1']))),
  ),
  // RFC 8259 §4 leaves open which of them counts: the last one does.
  used('access_token twice', { kind: 'duplicate_key', key: 'access_token', value: `${CANARY}-twice` }),
  used('expires_in twice', { kind: 'duplicate_key', key: 'expires_in', value: 1_800 }, 1_800_000),
  malformed('access_token twice, the last a list', { kind: 'duplicate_key', key: 'access_token', value: [] }, next),
  used('in UTF-8 with a byte order mark', { kind: 'encoded', as: 'utf8_bom' }),
  malformed('in UTF-16, little end first', { kind: 'encoded', as: 'utf16le' }),
  malformed('in UTF-16, big end first', { kind: 'encoded', as: 'utf16be' }),
  used('as HTML that is a token', { kind: 'headers', headers: { 'content-type': 'text/html' } }),
  malformed('an empty body', body({ text: '' })),
  malformed('white space', body({ text: ' \n ' })),
  malformed('HTML', body({ text: `<html>${CANARY}</html>` }, 'text/html')),
  malformed('a form', body({ text: `access_token=${CANARY}&token_type=bearer` }, 'application/x-www-form-urlencoded')),
  malformed('bytes that are no UTF-8', body({ hex: 'fffefd80' })),
  malformed('null', body({ text: 'null' })),
  malformed('a list', body({ text: `["${CANARY}"]` })),
  malformed('a text', body({ text: `"${CANARY}"` })),
  malformed('an empty object', body({ text: '{}' })),
  malformed('nested 100,000 deep', body({ text: nested(DEEP) })),
  malformed('nested, and never closed', body({ text: '{"a":'.repeat(50_000) })),
  malformed('100 MB', body({ repeat: CANARY, times: 2e7 })),
  malformed('cut in its first member', { kind: 'truncated', bytes: 20 }),
  malformed('without its last brace', { kind: 'truncated', bytes: -1 }),
];

export const bodies: readonly Entry[] = [...lives, ...tokens, ...forms];
