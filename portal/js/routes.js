// The pages and how they are reached. Each is the module pages/NAME.js, loaded when somebody goes there.

/** @typedef {{ name: string, title: string, icon: string, key: string }} Route key: its shortcut, after `g` */

/** @type {{ title: string, routes: Route[] }[]} */
export const GROUPS = [
  { title: "Watch", routes: [
    { name: "overview", title: "Overview", icon: "overview", key: "o" },
    { name: "trace", title: "Live trace", icon: "trace", key: "t" },
    { name: "connections", title: "Connections", icon: "connections", key: "c" },
    { name: "logs", title: "Logs", icon: "logs", key: "l" },
  ] },
  { title: "Try", routes: [
    { name: "urls", title: "Client URL", icon: "url", key: "u" },
    { name: "playground", title: "Playground", icon: "playground", key: "p" },
  ] },
  { title: "Manage", routes: [
    { name: "hubs", title: "Hubs", icon: "hubs", key: "h" },
    { name: "keys", title: "Keys", icon: "keys", key: "k" },
    { name: "about", title: "About", icon: "about", key: "a" },
  ] },
];

export const ROUTES = GROUPS.flatMap((group) => group.routes);
