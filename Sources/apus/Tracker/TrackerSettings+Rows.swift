import Addresses
import ArgumentParsing
import TrackerServer

/// The settings of `apus tracker`, one row each: the source of its options, its configuration file, its
/// environment variables, its help and docs. A row with a dot in its key belongs to that section of the file.
extension TrackerConfiguration {
  static let settings: [Parameter<Self>] =
    general + stateSettings + limitSettings + httpSettings + udpSettings + tlsSettings + accessSettings
    + extensionSettings + statusSettings

  /// What the sections are about, for the file.
  static let sections: [String: String] = [
    "limits": "How large the table may grow. At a limit the tracker goes on answering.",
    "http": "Announces, pages and the API over HTTP.",
    "udp": "Announces over UDP (BEP 15), on the same ports.",
    "tls": "HTTPS.",
    "access": "Who may announce what.",
    "extensions": "What goes beyond the standard protocols.",
    "status": "Status page and metrics.",
    "admin": "The administrator's API.",
    "log": "Where the log goes, and how much of it.",
  ]

  private static let general: [Parameter<Self>] = [
    .setting(
      "listen", \.listen, short: "-l", value: "address:port",
      help: "Where to listen; port 0 takes a free one. Without it, port 6969 of every address."),
    .setting(
      "interval", \.announceInterval, short: "-i", value: "time", help: "How often clients shall announce."),
    .setting(
      "minimum-interval", \.shortestInterval, value: "time",
      help: "How soon clients may announce again. Without it, half the interval."),
    .setting(
      "peers", \.usualWanted, value: "number",
      help: "Peers returned to clients that do not say how many they want."),
    .setting("maximum-peers", \.maximumWanted, value: "number", help: "Peers returned at most."),
  ]

  private static let limitSettings: [Parameter<Self>] = [
    .setting("limits.torrents", \.limits.torrents, value: "number", help: "Torrents at most."),
    .setting("limits.peers", \.limits.peers, value: "number", help: "Peers of all torrents at most."),
    .setting(
      "limits.peers-per-torrent", \.limits.peersPerTorrent, value: "number",
      help: "Peers of one torrent at most."),
  ]

  private static let httpSettings: [Parameter<Self>] = [
    .setting("http.enabled", \.servesHTTP, help: "Serve HTTP."),
    .setting(
      "http.threads", \.threads, value: "number",
      help: "Threads for announces, and as many for pages, the API and HTTPS."),
    .setting(
      "http.connections", \.maximumConnections, value: "number",
      help: "Connections that wait at a time; beyond that those that have waited longest are closed."),
    .setting(
      "http.connections-per-address", \.maximumConnectionsPerAddress, value: "number",
      help: "Connections of one address, of a network of 64 bits with IPv6; 0 is any number."),
    .setting(
      "http.request-timeout", \.longestRequest, value: "time",
      help: "How long a request may take to come in, and its answer to be taken."),
    .setting(
      "http.idle-timeout", \.longestRest, value: "time", help: "How long a connection is kept unused."),
    .setting(
      "http.full-scrape", \.fullScrapePause, value: "time",
      help: """
        Answer scrapes that name no torrent with all that are served, packed, made anew and given to an address once in \
        this time. Without it there are none.
        """),
    .setting(
      "http.proxies", \.proxies.trusted, value: "address",
      help: "Proxies that say for whom they ask, and must: addresses or blocks such as 10.0.0.0/8."),
    .setting(
      "http.proxy-manner", \.proxies.manner, value: "manner", help: "How proxies say for whom they ask."),
  ]

  private static let udpSettings: [Parameter<Self>] = [
    .setting("udp.enabled", \.servesUDP, help: "Serve UDP, on the same ports."),
    .setting(
      "udp.threads", \.udpLoops, value: "number",
      help: "Threads, each with a socket of its own. Without it, one a processor."),
    .setting(
      "udp.connection-secret", \.connectionSecret, value: "text",
      help: "Trackers with the same secret take each other's connection ids. Without it, a random one.",
      isSecret: true),
  ]

  private static let tlsSettings: [Parameter<Self>] = [
    .setting("tls.listen", \.listenSecurely, value: "address:port", help: "Where to speak HTTPS."),
    .setting(
      "tls.certificates", \.certificates, value: "file",
      help: "Certificates in PEM, the server's own first. Read again when the file changes.",
      complete: .files(nil)),
    .setting("tls.key", \.key, value: "file", help: "The private key in PEM.", complete: .files(nil)),
  ]

  private static let stateSettings: [Parameter<Self>] = [
    .setting(
      "state", \.stateFolder, value: "folder",
      help: "Keep the swarms in this folder, for the next run and for a process that takes over.",
      complete: .directories),
    .setting(
      "snapshot-interval", \.snapshotTime, value: "time", help: "How often the swarms are written there."),
  ]

  private static let accessSettings: [Parameter<Self>] = [
    .setting(
      "access.allow", \.access.allow, value: "file",
      help: "Serve only the torrents of this list: one info-hash a line.", complete: .files(nil),
      isReloadable: true),
    .setting(
      "access.deny", \.access.deny, value: "file", help: "Do not serve the torrents of this list.",
      complete: .files(nil), isReloadable: true),
    .setting(
      "access.passkeys", \.access.passkeys, value: "file",
      help: """
        Serve only who announces at /PASSKEY/announce with a passkey of this list: 32 hexadecimal digits a line, \
        then perhaps torrents=N and addresses=N.
        """, complete: .files(nil), isReloadable: true),
    .setting(
      "access.torrents-per-passkey", \.access.torrentsPerPasskey, value: "number",
      help: "Torrents at a time with one passkey; 0 is any number.", isReloadable: true),
    .setting(
      "access.addresses-per-passkey", \.access.addressesPerPasskey, value: "number",
      help: "Addresses at a time with one passkey, networks of 64 bits with IPv6; 0 is any number.",
      isReloadable: true),
  ]

  private static let extensionSettings: [Parameter<Self>] = [
    .setting(
      "extensions.batch-limit", \.batchLimit, value: "number",
      help: "Torrents that one request may announce; 0 takes no such requests."),
    .setting(
      "extensions.batch-memory", \.batchBytes, value: "size",
      help: "Memory for which torrents nodes have announced that way, 48 bytes each; 0 keeps none."),
    .setting(
      "extensions.piece-memory", \.pieceBytes, value: "size",
      help: "Memory for the pieces that clients say they have; 0 keeps none."),
    .setting(
      "extensions.piece-interval", \.pieceTime, value: "time",
      help: "How often a client may ask who has a piece."),
    .setting(
      "extensions.rank-memory", \.rankBytes, value: "size",
      help: "Memory for what peers give, in swarms where somebody asks for the best; 0 ranks nobody."),
  ]

  private static let statusSettings: [Parameter<Self>] = [
    .setting("status.page", \.pages.status, value: "audience", help: "Who sees the status page at /."),
    .setting(
      "status.torrents", \.pages.listsTorrents, help: "Whether the status page lists the largest torrents."),
    .setting(
      "status.metrics", \.pages.metrics, value: "audience", help: "Who sees the metrics at /metrics."),
    .setting(
      "admin.token", \.adminToken, value: "text",
      help: "What the administrator sends as 'Authorization: Bearer' to the API. Without it there is none.",
      isSecret: true),
  ]

  // MARK: As the command line writes them

  private var announceInterval: TimeSpan {
    get { TimeSpan(seconds: Double(interval)) }
    set { setInterval(Int(min(newValue.seconds, 1e9))) }
  }

  private var shortestInterval: TimeSpan? {
    get { minimumInterval.map { TimeSpan(seconds: Double($0)) } }
    set { minimumInterval = newValue.map { Int(min($0.seconds, 1e9)) } }
  }

  private var longestRequest: TimeSpan {
    get { TimeSpan(seconds: requestTimeout) }
    set { requestTimeout = newValue.seconds }
  }

  private var longestRest: TimeSpan {
    get { TimeSpan(seconds: Double(idleTimeout)) }
    set { idleTimeout = Int(min(newValue.seconds, 1e9)) }
  }

  private var fullScrapePause: TimeSpan? {
    get { fullScrapeInterval.map { TimeSpan(seconds: Double($0)) } }
    set { fullScrapeInterval = newValue.map { Int(min($0.seconds, 1e9)) } }
  }

  private var certificates: String? {
    get { identity?.certificates }
    set { identity = TLSFiles(certificates: newValue ?? "", key: identity?.key ?? "") }
  }

  private var key: String? {
    get { identity?.key }
    set { identity = TLSFiles(certificates: identity?.certificates ?? "", key: newValue ?? "") }
  }

  private var snapshotTime: TimeSpan {
    get { TimeSpan(seconds: snapshotInterval) }
    set { snapshotInterval = newValue.seconds }
  }

  private var batchBytes: ByteCount {
    get { ByteCount(Int64(batchMemory)) }
    set { batchMemory = Int(newValue.bytes) }
  }

  private var pieceBytes: ByteCount {
    get { ByteCount(Int64(pieceMemory)) }
    set { pieceMemory = Int(newValue.bytes) }
  }

  private var rankBytes: ByteCount {
    get { ByteCount(Int64(rankMemory)) }
    set { rankMemory = Int(newValue.bytes) }
  }

  private var pieceTime: TimeSpan {
    get { TimeSpan(seconds: Double(pieceInterval)) }
    set { pieceInterval = Int(min(newValue.seconds, 1e9)) }
  }

  /// Refuses what cannot be meant.
  func validate() throws(UsageProblem) {
    guard (1...86400).contains(interval) else { throw UsageProblem("--interval: choose from 1s to 1d") }
    if let minimumInterval, minimumInterval > interval {
      throw UsageProblem("--minimum-interval: choose at most the interval")
    }
    guard stateFolder != "" else { throw UsageProblem("--state: name a folder") }
    guard !takesOver || stateFolder != nil else { throw UsageProblem("--take-over needs --state") }
    guard (1...86400).contains(snapshotInterval) else {
      throw UsageProblem("--snapshot-interval: choose from 1s to 1d")
    }
    guard maximumWanted >= 1 else { throw UsageProblem("--maximum-peers: choose at least 1") }
    for (option, cap) in [
      ("--access-torrents-per-passkey", access.torrentsPerPasskey),
      ("--access-addresses-per-passkey", access.addressesPerPasskey),
    ] where cap > 10_000 {
      throw UsageProblem("\(option): choose at most 10000")
    }
    try validateExtensions()
    guard servesHTTP || servesUDP else {
      throw UsageProblem("--no-http-enabled and --no-udp-enabled: choose one of them")
    }
    guard udpLoops ?? 1 >= 1 else { throw UsageProblem("--udp-threads: choose at least 1") }
    guard threads >= 1 else { throw UsageProblem("--http-threads: choose at least 1") }
    guard requestTimeout >= 1 else { throw UsageProblem("--http-request-timeout: choose at least 1s") }
    guard idleTimeout >= 1 else { throw UsageProblem("--http-idle-timeout: choose at least 1s") }
    let hasFiles = identity.map { !$0.certificates.isEmpty && !$0.key.isEmpty } ?? false
    guard listenSecurely.isEmpty == !hasFiles else {
      throw UsageProblem("--tls-listen, --tls-certificates and --tls-key go together")
    }
  }

  /// More torrents do not fit into a request; less memory is more likely a forgotten unit than a wish.
  private func validateExtensions() throws(UsageProblem) {
    guard batchLimit <= 100_000 else { throw UsageProblem("--extensions-batch-limit: choose at most 100000") }
    guard (1...86400).contains(pieceInterval) else {
      throw UsageProblem("--extensions-piece-interval: choose from 1s to 1d")
    }
    for (option, memory) in [
      ("--extensions-batch-memory", batchMemory), ("--extensions-piece-memory", pieceMemory),
      ("--extensions-rank-memory", rankMemory),
    ] where memory != 0 && memory < 1 << 20 {
      throw UsageProblem("\(option): choose 0, or at least 1M")
    }
  }
}
