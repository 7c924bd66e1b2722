/** Removes secrets from foreign text: the error messages of a user's module. */

/** Shorter secrets are left: removing every `a` from a text hides nothing and ruins it. */
const SHORTEST = 4;

/** `text` with each of `secrets`, plain and in its usual encodings, replaced by `[redacted]`. */
export const redact = (text: string, secrets: Iterable<string>): string => {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SHORTEST) continue;
    for (const form of formsOf(secret)) forms.add(form);
  }
  // Longest first, so that a secret that contains another one is removed whole.
  return [...forms]
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
};

/** A run of letters, digits and the characters that encodings use; not a path, a host name or a sentence. */
const RUN = /[A-Za-z0-9_+=~-]{20,}/g;

/** `text` without anything that looks like a token or a key: for texts that may contain unknown secrets. */
export const redactOpaque = (text: string): string =>
  text.replaceAll(RUN, (run) => (isOpaque(run) ? '[redacted]' : run));

/** Letters and digits, except an error name such as `ERR_HTTP2_STREAM_CANCEL`. */
const isOpaque = (run: string): boolean =>
  /[A-Za-z]/.test(run) && /\d/.test(run) && !/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(run);

/** Every string in a value, at any depth: any may be a secret. */
export const stringsIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap(stringsIn);
};

const formsOf = (secret: string): readonly string[] => {
  const bytes = Buffer.from(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(bytes.toString()),
    new URLSearchParams([['', secret]]).toString().slice(1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
};
