// What the form says, its place in the address, and the roles that follow from it.

/** @typedef {"none"|"all"|"some"} Extent to how many groups something is allowed */
/**
 * @typedef {object} Allowed
 * @property {Extent} extent
 * @property {string[]} groups
 * @property {string[]} patterns
 */
/**
 * @typedef {object} UrlForm
 * @property {string} hub
 * @property {string} user
 * @property {Allowed} join
 * @property {Allowed} send
 * @property {string[]} groups to be in from the start
 * @property {number} minutes until the URL expires
 * @property {string} protocol
 */

export const DEFAULT_MINUTES = 60;
/** A year: longer ones should rather be made anew. */
export const MINUTES_MAX = 525_600;

/** @param {URLSearchParams} params @returns {UrlForm} */
export function readForm(params) {
  const minutes = Number(params.get("minutes"));
  return {
    hub: params.get("hub") ?? "chat",
    user: params.get("user") ?? "",
    join: allowed(params, "join"),
    send: allowed(params, "send"),
    groups: params.getAll("group"),
    minutes: Number.isInteger(minutes) && minutes > 0 && minutes <= MINUTES_MAX ? minutes : DEFAULT_MINUTES,
    protocol: params.get("protocol") ?? "json",
  };
}

/** @param {URLSearchParams} params @param {"join"|"send"} name @returns {Allowed} */
function allowed(params, name) {
  const extent = params.get(name);
  return {
    extent: extent === "none" || extent === "some" ? extent : "all",
    groups: params.getAll(`${name}Group`),
    patterns: params.getAll(`${name}Pattern`),
  };
}

/** The parameters of the address. No secret is in the form, so none is there. @param {UrlForm} form */
export function writeForm(form) {
  /** @param {Allowed} what @param {string[]} values */
  const some = (what, values) => (what.extent === "some" ? values : []);
  return {
    hub: form.hub,
    user: form.user,
    join: form.join.extent === "all" ? "" : form.join.extent,
    joinGroup: some(form.join, form.join.groups),
    joinPattern: some(form.join, form.join.patterns),
    send: form.send.extent === "all" ? "" : form.send.extent,
    sendGroup: some(form.send, form.send.groups),
    sendPattern: some(form.send, form.send.patterns),
    group: form.groups,
    minutes: form.minutes === DEFAULT_MINUTES ? "" : String(form.minutes),
    protocol: form.protocol,
  };
}

/** The roles of the token. @param {UrlForm} form */
export function rolesOf(form) {
  return [...roles(form.join, "joinLeaveGroup"), ...roles(form.send, "sendToGroup")];
}

/** @param {Allowed} what @param {string} name */
function roles(what, name) {
  if (what.extent === "none") return [];
  if (what.extent === "all") return [`webpubsub.${name}`];
  return [
    ...what.groups.map((group) => `webpubsub.${name}.${group}`),
    ...what.patterns.map((pattern) => `webpubsub.${name}s.${pattern}`),
  ];
}

/** What is wrong with the name of a hub, or "". @param {string} hub */
export function hubProblem(hub) {
  if (hub === "") return "A hub is needed. Enter its name, for example chat.";
  if (!/^[A-Za-z]/.test(hub)) return "A hub's name starts with a letter. Choose another name.";
  if (!/^[\w`,.[\]]{1,128}$/.test(hub)) return "A hub's name has letters, digits and _ ` , . [ ] only, at most 128. Choose another name.";
  return "";
}

/** The group that a sample program uses: one that the client may use for most, if there is one. @param {UrlForm} form */
export function sampleGroup(form) {
  const names = [...form.groups, ...form.send.groups, ...form.join.groups, "room"];
  const worth = (/** @type {string} */ group) =>
    Number(mayUse(form.send, group)) * 2 + Number(mayUse(form.join, group) || form.groups.includes(group));
  return names.reduce((best, group) => (worth(group) > worth(best) ? group : best));
}

/** Whether the form allows something for this group by name; patterns are taken at their word. @param {Allowed} what @param {string} group */
export function mayUse(what, group) {
  return what.extent === "all" || (what.extent === "some" && (what.groups.includes(group) || what.patterns.some((pattern) => matches(pattern, group))));
}

/**
 * Whether a group matches a pattern: `?` is one character except `.`, `*` any number of them, `**` any characters, and
 * `\` takes the next one literally.
 * @param {string} pattern
 * @param {string} group
 */
export function matches(pattern, group) {
  const source = pattern.replace(/\\([\s\S])|\*\*|\*|\?|[\s\S]/g, (part, literal) => {
    if (literal !== undefined) return escape(literal);
    return { "**": "[\\s\\S]*", "*": "[^.]*", "?": "[^.]" }[part] ?? escape(part);
  });
  return new RegExp(`^${source}$`, "u").test(group);
}

/** @param {string} text */
function escape(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
