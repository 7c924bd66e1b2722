/** The error of a full table. */
import { TokenvisorError } from '../core/errors.js';

export class TableFullError extends TokenvisorError {
  /** How many rows were put, in order, before the first one without room. */
  readonly put: number;

  constructor(what: string, put = 0) {
    super('TABLE_FULL', `${what}. Expunge what has expired, or give the table a higher \`maxEntries\``);
    this.put = put;
  }
}
