/** The examples that AWS has published of Signature Version 4: its test suite, and the one of its documentation. */
import { describe, expect, it } from 'vitest';
import { signRequest } from '../../examples/aws-sts/sigv4.js';

const nowMs = Date.UTC(2015, 7, 30, 12, 36, 0);
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const suite = { keys, region: 'us-east-1', service: 'service', nowMs };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const sessionToken =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA' +
  'x7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY' +
  '9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';

const signatureOf = (...args: Parameters<typeof signRequest>): string =>
  /Signature=(\w+)$/.exec(signRequest(...args)['authorization'] ?? '')?.[1] ?? '';

describe('a request is signed as AWS has published it', () => {
  it.each([
    ['get-vanilla', 'GET', '/', {}, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      {},
      '',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    ['post-vanilla', 'POST', '/', {}, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'post-x-www-form-urlencoded',
      'POST',
      '/',
      form,
      'Param1=value1',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_name, method, path, headers, body, signature) => {
    const url = `https://example.amazonaws.com${path}`;
    expect(signatureOf({ method, url, headers, body }, suite)).toBe(signature);
  });

  it('post-sts-header-before: temporary keys', () => {
    const signing = { ...suite, keys: { ...keys, sessionToken } };
    const request = { method: 'POST', url: 'https://example.amazonaws.com/' };
    expect(signRequest(request, signing)).toMatchObject({ 'x-amz-security-token': sessionToken });
    expect(signatureOf(request, signing)).toBe('85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead');
  });

  it('ListUsers of IAM, with all that is sent', () => {
    const type = 'application/x-www-form-urlencoded; charset=utf-8';
    const request = {
      method: 'GET',
      url: 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08',
      headers: { 'Content-Type': type },
    };
    expect(signRequest(request, { ...suite, service: 'iam' })).toEqual({
      'content-type': type,
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    });
  });
});
