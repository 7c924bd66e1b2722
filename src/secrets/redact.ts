/** Takes secrets out of a text that somebody else has written: the message of an error of a user's module. */

/** Shorter ones are left: taking every `a` out of a text hides nothing and ruins it. */
const SHORTEST = 4;

/** `text` with each of `secrets`, as it is and in the forms in which it travels, replaced by `[redacted]`. */
export const redact = (text: string, secrets: Iterable<string>): string => {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SHORTEST) continue;
    for (const form of formsOf(secret)) forms.add(form);
  }
  // Longest first, so that a secret that contains another one leaves no rest.
  return [...forms]
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
};

/** A run of letters and digits, with what encodings put between them; not a path, a host name or a sentence. */
const RUN = /[A-Za-z0-9_+=~-]{20,}/g;

/** `text` with what looks like a token or a key taken out: for texts of which nobody knows what is in them. */
export const redactOpaque = (text: string): string =>
  text.replaceAll(RUN, (run) => (isOpaque(run) ? '[redacted]' : run));

/** Letters and digits, and no name of an error as `ERR_HTTP2_STREAM_CANCEL` is one. */
const isOpaque = (run: string): boolean =>
  /[A-Za-z]/.test(run) && /\d/.test(run) && !/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(run);

/** Every text in a value, however deep: any may be a secret. */
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
