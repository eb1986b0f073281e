// npm fhir-kit-client: finds the token endpoint itself, signs in by client_secret_basic, pages by nextPage.

import { Client } from 'fhir-kit-client';
import { ask, refusal, tell } from './ask.mjs';

const client = new Client({ baseUrl: ask.fhir });
const { tokenUrl } = await client.smartAuthMetadata();
const basic = Buffer.from(`${ask.clientId}:${ask.secret}`).toString('base64');
const granted = await client.httpClient.post(tokenUrl.href, 'grant_type=client_credentials', {
  headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
});
client.bearerToken = granted.access_token;

const capabilities = await client.capabilityStatement();
const patient = await client.read({ resourceType: 'Patient', id: ask.patient });
const pages = [];
const first = { resourceType: ask.search.type, searchParams: { ...ask.search.parameters, _count: ask.search.count } };
for (let bundle = await client.search(first); bundle; bundle = await client.nextPage({ bundle })) {
  pages.push((bundle.entry ?? []).map((entry) => entry.resource.id));
}
const posted = await client.search({ ...first, options: { postSearch: true } });
const error = ({ response }) => ({ status: response.status, outcome: response.data });

const everything = [];
const compartment = { resourceType: 'Patient', id: ask.patient, name: 'everything', method: 'GET', input: { _count: 20 } };
for (let bundle = await client.operation(compartment); bundle; bundle = await client.nextPage({ bundle })) {
  everything.push(...(bundle.entry ?? []).map((entry) => entry.resource.id));
}
const verdict = await client.operation({
  resourceType: 'Observation', name: 'validate', method: 'POST', input: { resourceType: 'Observation', status: 'wish' },
});

tell({
  everything,
  verdict,
  tokenUrl: tokenUrl.href,
  capabilities,
  patient,
  pages,
  posted: posted.entry.map((entry) => entry.resource.id),
  missing: await refusal(() => client.read({ resourceType: 'Patient', id: ask.missing }), error),
  forbidden: await refusal(() => client.search({ resourceType: ask.forbidden, searchParams: {} }), error),
});
