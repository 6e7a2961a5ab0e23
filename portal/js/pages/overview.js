// What the service is doing.
import { page } from "../components/page.js";

export function render() {
  return page({ title: "Overview", lead: "What the service is doing." });
}
