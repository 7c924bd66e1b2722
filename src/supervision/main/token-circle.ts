/** The path from `name` back to itself over the references, both ends included; undefined if there is none. */
export const circleOf = (
  name: string,
  referencesOf: (name: string) => readonly string[],
): readonly string[] | undefined => {
  const seen = new Set<string>();
  const search = (at: string, way: readonly string[]): readonly string[] | undefined => {
    for (const next of referencesOf(at)) {
      if (next === name) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = search(next, [...way, next]);
      if (found) return found;
    }
    return undefined;
  };
  return search(name, [name]);
};
