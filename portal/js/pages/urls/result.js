// What the generator made: the URL, what its token says, and programs that use it.
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { relative } from "../../format.js";
import { linkTo } from "../../router.js";
import { codeBlock } from "../../components/code.js";
import { copyButton } from "../../components/copy.js";
import { card } from "../../components/page.js";
import { notice } from "../../components/states.js";
import { tabs } from "../../components/tabs.js";
import { offer } from "../../handover.js";
import { protocolOf } from "./protocols.js";
import { LANGUAGES } from "./snippets/all.js";
import { mayUse, sampleGroup, writeForm } from "./state.js";
import { decode, tokenView } from "./token.js";

/** @typedef {import("./state.js").UrlForm} UrlForm */

/** Playgrounds speak JSON and frames; a protobuf client is tried as JSON. @type {Record<string, string>} */
const PLAYABLE = { protobuf: "json", "protobuf-reliable": "json-reliable" };

/** The language that was looked at last. */
let language = "browser";

/**
 * @param {import("../urls.js").MadeUrl} made
 * @param {UrlForm} form as it was when the URL was made
 */
export function resultCard({ url, token }, form) {
  const decoded = decode(token);
  const old = h("div", {});
  const programs = h("div", {});
  let protocol = form.protocol;

  const showPrograms = () => replace(programs, programTabs(url, { ...form, protocol }));
  showPrograms();

  const result = card({ title: "Client access URL", note: decoded ? `expires ${relative(decoded.claims["exp"] * 1000)}` : null, class: "result" },
    old,
    h("div", { class: "secret" }, codeBlock(url, { label: "Client access URL", copy: false, wrap: true }),
      h("div", { class: "row" },
        copyButton(() => url, { label: "Copy URL", class: "primary" }),
        copyButton(() => token, { label: "Copy token", class: "" }),
        tryButton("Try it as client A", 0), tryButton("as client B", 1))));
  const element = h("div", { class: "stack" }, result,
    card({ title: "Use it", note: "runs as it stands" }, programs),
    decoded && card({ title: "What the token says", note: "decoded in this page" }, tokenView(decoded)));

  /** @param {string} text @param {0|1} client */
  function tryButton(text, client) {
    return h("button", { class: "button", type: "button", on: { click: () => {
      offer(client, { url, protocol: PLAYABLE[protocol] ?? protocol, group: sampleGroup(form) });
      location.hash = linkTo("playground");
    } } }, client === 0 && icon("playground"), text);
  }

  return {
    element,
    /** The form was changed: programs follow the protocol, anything else needs a new URL. @param {UrlForm} now */
    outdate(now) {
      if (now.protocol !== protocol) {
        protocol = now.protocol;
        showPrograms();
      }
      const plain = (/** @type {UrlForm} */ each) => JSON.stringify(writeForm({ ...each, protocol: "" }));
      const changed = plain(now) !== plain(form);
      result.classList.toggle("old", changed);
      replace(old, changed && notice("warn", "The form has changed since this URL was made.", "Press “Generate” for a new one; this one stays good."));
    },
  };
}

/** @param {string} url @param {UrlForm} form */
function programTabs(url, form) {
  const { id, subprotocol, cli } = protocolOf(form.protocol);
  const group = sampleGroup(form);
  const plan = { url, protocol: id, subprotocol, cli, group, mayJoin: mayUse(form.join, group), maySend: mayUse(form.send, group) };
  return tabs({
    label: "Language",
    selected: language,
    onSelect: (chosen) => { language = chosen; },
    tabs: LANGUAGES.map((each) => ({
      id: each.id,
      title: each.title,
      render: () => h("div", { class: "stack-s" },
        codeBlock(each.code(plan), { language: each.colours, label: `Program for ${each.title}` }),
        h("div", { class: "how" },
          each.file ? h("p", { class: "small quiet" }, "Save it as ", h("code", {}, each.file), ", then run it", each.how ? `. ${each.how}` : ":") : h("p", { class: "small quiet" }, each.how),
          each.run && codeBlock(each.run, { language: "sh", label: `How to run the program for ${each.title}` }),
          remark(id, each.id))),
    })),
  }).element;
}

/** What a program leaves out. @param {string} protocol @param {string} chosen */
function remark(protocol, chosen) {
  if (!protocol.startsWith("protobuf") || chosen === "rust" || chosen === "cli") return null;
  return h("p", { class: "small quiet" },
    "The frames are made ahead, so that no generated code is needed. A program of your own makes and reads them with the protocol's schema",
    protocol.endsWith("reliable") ? ", and takes up its connection again when the socket is lost; the Rust client does both." : ".");
}
