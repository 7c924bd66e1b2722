/** The hosts file: names that the machine's owner has given addresses to (hosts(5)). */
import { isIP } from 'node:net';
import type { Address } from '../net/dns-cache.js';

/** The addresses that the text of a hosts file gives to `host`, in its order. */
export const addressesInHostsFile = (text: string, host: string): readonly Address[] => {
  const wanted = host.toLowerCase();
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !names.some((name) => name.toLowerCase() === wanted)) return [];
    return [{ address, family: family === 6 ? 6 : 4 } as const];
  });
};
