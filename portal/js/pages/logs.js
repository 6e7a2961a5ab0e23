// The service's own log, and who did what.
import { useStyle } from "../dom.js";
import { page } from "../components/page.js";
import { tabs } from "../components/tabs.js";
import { auditView } from "./logs/audit.js";
import { logView } from "./logs/service.js";

/** @param {import("../router.js").Context} context */
export async function render({ params, signal, setParams }) {
  await Promise.all([useStyle("stream"), useStyle("logs")]);
  /** Ends what the tab that was left still does. */
  let left = new AbortController();
  signal.addEventListener("abort", () => left.abort());
  const fresh = () => {
    left.abort();
    left = new AbortController();
    return left.signal;
  };
  let tab = params.get("tab") === "audit" ? "audit" : "log";
  const write = (/** @type {Record<string, string>} */ more) => setParams({ tab: tab === "log" ? "" : tab, ...more });
  const all = tabs({
    label: "Logs", selected: tab, onSelect: () => write({}),
    tabs: [
      { id: "log", title: "Service log", render: () => { tab = "log"; return logView({ params: take(params), signal: fresh(), setParams: write }); } },
      { id: "audit", title: "Audit log", render: () => { tab = "audit"; return auditView({ params: take(params), signal: fresh(), setParams: write }); } },
    ],
  });
  return page({ title: "Logs", lead: "What the service says about itself, and who changed what.", class: "logs-page" }, all.element);
}

/** The filters of the address are for the tab that is shown first. @param {URLSearchParams} params */
function take(params) {
  const copy = new URLSearchParams(params);
  for (const name of [...params.keys()]) params.delete(name);
  return copy;
}

/** @typedef {{ params: URLSearchParams, signal: AbortSignal, setParams: (params: Record<string, string>) => void }} TabContext */
