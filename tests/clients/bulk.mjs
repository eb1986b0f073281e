// npm @medplum/core: the whole Bulk Data flow. Token by private_key_jwt, kick-off, polling, each file of the manifest, deletion.

import { MedplumClient } from '@medplum/core';
import { ask, assertion, refusal, tell } from './ask.mjs';

const client = new MedplumClient({ baseUrl: ask.url, fhirUrlPath: ask.fhir.slice(ask.url.length + 1), tokenUrl: ask.tokenUrl });
await client.startJwtAssertionLogin(assertion());

const seen = [];
const whole = globalThis.fetch;
globalThis.fetch = async (url, options) => {
  const answer = await whole(url, options);
  seen.push({ method: options?.method ?? 'GET', path: new URL(url).pathname, status: answer.status, location: answer.headers.get('Content-Location') });
  return answer;
};
const asked = new MedplumClient({
  baseUrl: ask.url, fhirUrlPath: ask.fhir.slice(ask.url.length + 1), tokenUrl: ask.tokenUrl, accessToken: client.getAccessToken(),
});
const manifest = await asked.bulkExport('', ask.types, undefined, { pollStatusOnAccepted: true, pollStatusPeriod: 100 });
const files = {};
for (const file of manifest.output) {
  const content = await (await asked.download(file.url, { headers: { Accept: 'application/fhir+ndjson' } })).text();
  files[file.type] = content.trim().split('\n').map((line) => JSON.parse(line));
}
const status = seen.find((one) => one.location).location;
await asked.delete(status);
const error = ({ outcome }) => ({ outcome });

tell({
  manifest,
  files,
  seen,
  gone: await refusal(() => asked.get(status, { cache: 'reload' }), error),
  fileGone: await refusal(() => asked.get(manifest.output[0].url, { cache: 'reload' }), error),
});
