// npm @medplum/core: signs in by client_secret_post or by private_key_jwt, pages by searchResourcePages.

import { MedplumClient } from '@medplum/core';
import { ask, assertion, refusal, tell } from './ask.mjs';

const client = new MedplumClient({ baseUrl: ask.url, fhirUrlPath: ask.fhir.slice(ask.url.length + 1), tokenUrl: ask.tokenUrl });
if (ask.jwk) {
  await client.startJwtAssertionLogin(assertion());
} else {
  await client.startClientLogin(ask.clientId, ask.secret);
}

const capabilities = await client.get(client.fhirUrl('metadata'));
const patient = await client.readResource('Patient', ask.patient);
const pages = [];
const parameters = { ...ask.search.parameters, _count: ask.search.count };
for await (const page of client.searchResourcePages(ask.search.type, parameters)) {
  pages.push(page.map((resource) => resource.id));
}
const whole = [];
for await (const page of client.searchResourcePages(ask.search.type, ask.search.parameters)) {
  whole.push(...page.map((resource) => resource.id));
}
const error = ({ outcome }) => ({ outcome });

tell({
  tokenUrl: client.getTokenUrl(),
  capabilities,
  patient,
  pages,
  whole,
  missing: await refusal(() => client.readResource('Patient', ask.missing), error),
  forbidden: await refusal(() => client.search(ask.forbidden), error),
});
