/**
 * Removes secrets from the error that a child died of: the error texts of a user's module. Every known secret of the
 * child is removed; and everything that looks like one, because a module may hold tokens that only it knows.
 */
import { deserialize } from 'node:v8';
import type { WireError } from '../../core/wire-error.js';
import { propertyOf } from '../../core/describe.js';
import { openWords } from '../../memory/child-memory.js';
import { SEALED, SEALED_BYTES, SNAPSHOT } from '../../memory/layout.js';
import { readRecord } from '../../memory/record.js';
import { redact, redactOpaque, stringsIn } from '../../secrets/redact.js';
import { decodeOptions, secretValues } from '../../secrets/reference-tree.js';
import type { ChildPlan } from './child-shell.js';

type SecretiveChild = Pick<ChildPlan, 'options' | 'memory' | 'secrets'>;

/** An error of one of these children, redacted. */
export const redactIn = (error: WireError, ...children: readonly SecretiveChild[]): WireError =>
  redactError(error, children.flatMap(secretsOf));

const redactError = (error: WireError, secrets: readonly string[]): WireError => {
  const { name, message, code, cause, problems } = error;
  const known = (text: string): string => redact(text, secrets);
  // The package's own texts consist of names and numbers, and contain opaque parts: a file, a URL.
  const ours = code !== undefined && (name === 'TokenvisorError' || name === 'ProviderError');
  const redacted = (text: string): string => (ours ? known(text) : redactOpaque(known(text)));
  return {
    ...error,
    name: redacted(name),
    message: redacted(message),
    ...(code !== undefined && { code: redacted(code) }),
    ...(cause && { cause: redactError(cause, secrets) }),
    ...(problems && { problems: problems.map((problem) => ({ ...problem, came: known(problem.came) })) }),
  };
};

/** Reads files and shared memory of a child that has died. Never throws. */
const secretsOf = ({ options, memory, secrets }: SecretiveChild): readonly string[] => [
  ...attempt(() => secretValues(decodeOptions(options))),
  ...attempt(() => {
    const { payload } = readRecord(openWords(memory.shared), SNAPSHOT);
    return payload ? secretsIn(JSON.parse(new TextDecoder().decode(payload)), secrets.published) : [];
  }),
  ...attempt(() => {
    const { payload } = readRecord(openWords(memory.sealed, SEALED_BYTES), SEALED);
    return payload ? secretsIn(deserialize(payload), secrets.sealed) : [];
  }),
];

const attempt = (read: () => readonly string[]): readonly string[] => {
  try {
    return read();
  } catch {
    return [];
  }
};

/** Shorter strings are words (`Bearer`, a scope): no secret is that short. */
const SHORTEST = 8;

const secretsIn = (value: unknown, members: readonly string[] | 'all'): readonly string[] => {
  const secret = members === 'all' ? value : members.map((member) => propertyOf(value, member));
  return stringsIn(secret).filter((text) => text.length >= SHORTEST);
};
