// @ts-check
/** The application: one process, which the example runs twice. Its configuration is in its environment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { credential, startSupervisor } from 'tokenvisor';
import { env, fileStore, refreshToken } from 'tokenvisor/providers';

const { ISSUER = '', CLIENT_ID = '', STORE = '', RUN = '' } = process.env;

const supervisor = await startSupervisor({
  mail: credential({
    provider: refreshToken({
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: env('CLIENT_SECRET'),
      // The first refresh token, from a person's consent. It is used once; then the store has a newer one.
      refreshToken: env('REFRESH_TOKEN'),
      rotation: 'single-use',
      store: fileStore(STORE),
    }),
  }),
});
const { mail } = supervisor.children;
console.log(`  ${RUN}: ${await mail.get()}`);
await sleep(1_000);
console.log(`  ${RUN}: ${await mail.refresh()}, one exchange later`);
await supervisor.close();
