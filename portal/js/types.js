// The documents of the admin API, as docs and openapi.json describe them. Types alone; nothing here runs.

/**
 * @typedef {object} Session
 * @property {boolean} signedIn
 * @property {string} [name] who, for people
 * @property {"all"|"read"} [access]
 * @property {string} [expires]
 * @property {boolean} development the service signs in whoever asks
 * @property {string[]} issuers
 * @property {string} endpoint where clients reach the service
 * @property {string} version
 */

/**
 * @typedef {object} Totals counted since the service started
 * @property {number} connectionsOpened
 * @property {number} connectionsClosed
 * @property {number} messagesIn
 * @property {number} messagesOut
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {number} restRequests
 * @property {number} restErrors
 * @property {number} handlerCalls
 * @property {number} handlerFailures
 * @property {number} slowConsumers
 */

/** @typedef {{ p50Ms: number, p95Ms: number, p99Ms: number }} Latency */

/**
 * @typedef {object} Sample one moment of the overview
 * @property {string} time
 * @property {number} connections
 * @property {number} queuedBytes
 * @property {number|null} memoryBytes null where the system does not tell
 * @property {Totals} totals
 * @property {Latency|null} [handlerLatency]
 */

/**
 * @typedef {object} OverviewFacts
 * @property {number} uptimeSeconds
 * @property {"serving"|"stopping"} state
 * @property {string} version
 * @property {boolean} development
 * @property {{ name: string, shards: number }} node
 * @property {Record<string, number>} byProtocol
 * @property {{ hub: string, connections: number }[]} hubs the 20 largest
 * @property {number} groups
 * @property {number} users
 * @property {Record<string, number>} closed
 */

/** @typedef {Sample & OverviewFacts} Overview */

/** @typedef {{ hub: string, connections: number, users: number, groups: number, hasSettings: boolean }} HubSummary */

/**
 * @typedef {object} Connection
 * @property {string} connectionId
 * @property {string|null} userId
 * @property {string} protocol
 * @property {"open"|"detached"} state
 * @property {string} connectedAt
 * @property {string|null} remoteAddress
 * @property {string[]} groups
 * @property {number} groupCount
 * @property {string[]} roles
 * @property {number} queuedBytes
 * @property {number|null} unackedMessages
 */

export {};
