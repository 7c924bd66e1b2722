/** Who else can write to a directory: they could put another file in the place of one in it. */
import { statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

const BY_GROUP = 0o020;
const BY_OTHERS = 0o002;
/** In such a directory (`/tmp`) nobody moves or removes what is another's; but anybody can add a file. */
const STICKY = 0o1000;

/**
 * Who can write to this directory beside this process' user and root, in words; undefined for none. That is: its owner, a group that
 * this process is not in, or everybody; and everybody who could put another directory in the place of one of those above it. It goes
 * by modes: it knows of no access-control lists, and a group that this process is in is trusted. Windows has none of these.
 *
 * @throws errors of the file system as they are
 */
export const whoElseWrites = (directory: string): string | undefined => {
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  const own = statSync(directory);
  const mode = `mode ${(own.mode & 0o7777).toString(8)}`;
  if (own.uid !== 0 && own.uid !== user) return `its owner, the user ${own.uid}`;
  if ((own.mode & BY_OTHERS) !== 0) return `everybody (${mode})`;
  if ((own.mode & BY_GROUP) !== 0 && !isOwnGroup(own)) return `the group ${own.gid} (${mode})`;
  for (let above = dirname(directory); ; above = dirname(above)) {
    const { mode: itsMode } = statSync(above);
    if ((itsMode & BY_OTHERS) !== 0 && (itsMode & STICKY) === 0) return `everybody, by way of ${above}`;
    if (above === dirname(above)) return undefined;
  }
};

const isOwnGroup = ({ gid }: Stats): boolean =>
  process.getegid?.() === gid || process.getgroups?.().includes(gid) === true;
