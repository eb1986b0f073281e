// Hands the browser what a form asks for (data-asked, the JSON of WebAuthn), and the form what the passkey answered.
"use strict";

const form = document.querySelector("form[data-passkey]");
const button = form.querySelector("button");
const trouble = form.querySelector("[role=alert]");

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const listed = (known) => (known || []).map((one) => ({ ...one, id: bytes(one.id) }));

const WORDS = {
  NotAllowedError: "That did not work: it was stopped, took too long, or this device has no such passkey. Try again.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "Passkeys do not work at this address. Tell an administrator.",
  NotSupportedError: "This device can make no passkey that is good here.",
};

const say = (words) => {
  trouble.textContent = words;
  trouble.hidden = !words;
};

async function asked() {
  const told = JSON.parse(form.dataset.asked);
  told.challenge = bytes(told.challenge);
  if (form.dataset.passkey === "make") {
    told.user.id = bytes(told.user.id);
    told.excludeCredentials = listed(told.excludeCredentials);
    return navigator.credentials.create({ publicKey: told });
  }
  told.allowCredentials = listed(told.allowCredentials);
  return navigator.credentials.get({ publicKey: told });
}

function answer(made) {
  const { response } = made;
  const sent = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) sent[name] = text(response[name]);
  }
  return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response: sent });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  say("");
  try {
    form.elements.answer.value = answer(await asked());
    form.submit();
  } catch (error) {
    say(WORDS[error.name] || "The passkey did not answer. Try again, or another way.");
    button.disabled = false;
  }
});

form.querySelector(".plain").remove();
if (window.PublicKeyCredential) {
  button.disabled = false;
  if (button.autofocus) button.focus();
} else {
  say("This browser knows no passkeys.");
}
