// npm fhirclient (SMART on FHIR): signs in by client_secret_post, pages by its async iterator and by pageLimit.

import smart from 'fhirclient';
import { ask, refusal, tell } from './ask.mjs';

const anyone = new smart.FhirClient(ask.fhir);
const granted = await anyone.fhirRequest(ask.tokenUrl, {
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: `${new URLSearchParams({ grant_type: 'client_credentials', client_id: ask.clientId, client_secret: ask.secret })}`,
});
const capabilities = await anyone.fhirRequest('metadata');
const storage = { get: async () => undefined, set: async (_, value) => value, unset: async () => true };
const client = smart({ headers: {}, url: '/' }, {}, storage).client({
  serverUrl: ask.fhir,
  tokenResponse: { access_token: granted.access_token, token_type: 'bearer' },
});

const patient = await client.request(`Patient/${ask.patient}`);
const query = `${ask.search.type}?${new URLSearchParams({ ...ask.search.parameters, _count: ask.search.count })}`;
const pages = [];
for await (const page of client.pages(query)) {
  pages.push((page.entry ?? []).map((entry) => entry.resource.id));
}
const flat = await client.request(query, { pageLimit: 0, flat: true });
// It puts the body of an answer that is no success behind an empty line of its message.
const error = ({ status, message }) => ({ status, outcome: JSON.parse(message.slice(message.indexOf('\n\n'))) });

tell({
  tokenUrl: ask.tokenUrl,
  capabilities,
  release: await client.getFhirRelease(),
  patient,
  pages,
  flat: flat.map((resource) => resource.id),
  missing: await refusal(() => client.request(`Patient/${ask.missing}`), error),
  forbidden: await refusal(() => client.request(ask.forbidden), error),
});
