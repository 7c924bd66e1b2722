/** Who else can write to a directory: they could put another file in the place of one in it. */
import { statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

const BY_GROUP = 0o020;
const BY_OTHERS = 0o002;
/** In such a directory (`/tmp`) users cannot move or remove each other's files, but anyone can add one. */
const STICKY = 0o1000;

/**
 * Who can write to this directory beside this process' user and root, as text; undefined if there is none. It checks the
 * directory's owner, a group that this process is not in, and everybody. Of the directories above it only this is checked: one that
 * everybody can write and that is not sticky is refused; their owners and groups are not checked. Access-control lists are not read.
 * Undefined on Windows, which has no modes.
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
