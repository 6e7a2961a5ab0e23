// The form of one event listener.
import { h, replace } from "../../dom.js";
import { field, select } from "../../components/fields.js";
import { placed, property, several, userEvents } from "./fields.js";
import { assign } from "./settings.js";

/** @typedef {import("./fields.js").Form} Form */
/** @typedef {import("./settings.js").Listener} Listener */

/**
 * @param {Form} form
 * @param {Listener} listener changed as somebody types
 * @param {number} index
 */
export function listenerForm(form, listener, index) {
  const path = `eventListeners[${index}]`;
  const filter = listener.filter ?? {};
  const filterForm = { ...form, changed: () => { listener.filter = filter; form.changed(); } };
  const more = h("div", { class: "grid grid-2" });
  const kind = select(kinds(listener), {
    value: kindOf(listener),
    on: {
      change: () => {
        listener.endpoint = kind.value === "Nats"
          ? { type: "Nats", url: "" }
          : { type: "EventHub", ...(kind.value === "key" ? { connectionString: "" } : { fullyQualifiedNamespace: "" }) };
        show();
        form.changed();
      },
    },
  });
  const show = () => replace(more, ...endpointFields(form, `${path}.endpoint`, listener.endpoint, kind.value));
  show();
  return h("div", { class: "stack" },
    placed(form, `${path}.endpoint`, h("div", { class: "stack-s" }, field({ label: "Copies go to", control: kind }).element, more)),
    placed(form, `${path}.filter`, h("div", { class: "grid grid-2" },
      several(filterForm, `${path}.filter.systemEvents`, {
        legend: "System events", values: filter.systemEvents ?? [],
        options: [["connected", "a client is in"], ["disconnected", "it is gone"]],
        onChange: (values) => assign(filter, "systemEvents", values),
      }),
      userEvents(filterForm, `${path}.filter`, filter))));
}

/** @param {Listener} listener @returns {[string, string][]} */
function kinds({ endpoint }) {
  /** @type {[string, string][]} */
  const all = [["identity", "Event Hubs, with this service's identity"], ["key", "Event Hubs or AMQP, with a connection string"], ["Nats", "NATS"]];
  return endpoint.type === "File" ? [...all, ["File", "A file"]] : all;
}

/** @param {Listener} listener */
function kindOf({ endpoint }) {
  if (endpoint.type === "Nats" || endpoint.type === "File") return endpoint.type;
  return "connectionString" in endpoint ? "key" : "identity";
}

/** @param {Form} form @param {string} path @param {Listener["endpoint"]} endpoint @param {string} kind */
function endpointFields(form, path, endpoint, kind) {
  const text = (/** @type {string} */ name, /** @type {Parameters<typeof property>[4]} */ options) => property(form, path, endpoint, name, { class: "mono", ...options });
  if (kind === "Nats") {
    return [
      text("url", { label: "URL", placeholder: "nats://127.0.0.1:4222", hint: "tls:// demands TLS. Credentials are shown as *** later." }),
      text("subject", { label: "Subject", optional: true, placeholder: "hublet.{hub}.{event}" }),
    ];
  }
  if (kind === "File") return [text("path", { label: "File", hint: "Only hubs of the configuration file can write files." })];
  return [
    kind === "key"
      ? text("connectionString", { label: "Connection string", placeholder: "Endpoint=sb://…", hint: "A secret. *** keeps the one of before." })
      : text("fullyQualifiedNamespace", { label: "Namespace", placeholder: "my-namespace.servicebus.windows.net" }),
    text("eventHubName", { label: "Event hub", placeholder: "events" }),
  ];
}
