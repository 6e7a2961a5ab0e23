// The languages, as the page offers them.
import { cli } from "./cli.js";
import { csharp } from "./csharp.js";
import { java } from "./java.js";
import { browser, node } from "./javascript.js";
import { python } from "./python.js";
import { rust } from "./rust.js";

export const LANGUAGES = [browser, node, csharp, java, python, rust, cli];
