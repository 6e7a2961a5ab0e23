// What one page hands to another without the address: URLs with tokens must not be there.

/** @typedef {{ url: string, protocol: string, group: string }} Offer */

/** @type {(Offer|undefined)[]} */
const offers = [undefined, undefined];

/** For the client A (0) or B (1) of the playground. @param {0|1} client @param {Offer} what */
export function offer(client, what) {
  offers[client] = what;
}

/** Takes what was offered, once. @param {0|1} client */
export function takeOffer(client) {
  const what = offers[client];
  offers[client] = undefined;
  return what;
}
