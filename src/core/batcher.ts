/** How the items of a pipeline become batches. */

export interface Batcher<Item, Batch> {
  /** Adds an item. Returns a batch that is complete now, with or without this item. */
  readonly add: (item: Item) => Batch | undefined;
  /** Returns the last, incomplete batch, if there is one. Called once, at the end of the source. */
  readonly rest: () => Batch | undefined;
}

/** Each item is a batch already. */
export const asTheyAre = <Batch>(): Batcher<Batch, Batch> => ({ add: (item) => item, rest: () => undefined });

/** Lists of `most` items, or of fewer as soon as their weights add up to `mostWeight`. */
export const lists = <Item>(
  most: number,
  mostWeight = Infinity,
  weigh: (item: Item) => number = () => 0,
): Batcher<Item, readonly Item[]> => {
  let list: Item[] = [];
  let weight = 0;
  const rest = (): readonly Item[] | undefined => {
    const batch = list;
    list = [];
    weight = 0;
    return batch.length > 0 ? batch : undefined;
  };
  const add = (item: Item): readonly Item[] | undefined => {
    weight += weigh(item);
    return list.push(item) >= most || weight >= mostWeight ? rest() : undefined;
  };
  return { add, rest };
};
