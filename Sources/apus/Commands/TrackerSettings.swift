import Addresses
import ArgumentParsing
import TrackerServer

/// The settings of `apus tracker`, one row each: the source of its options, its configuration file, its
/// environment variables, its help and docs. A row with a dot in its key belongs to that section of the file.
extension TrackerConfiguration {
  static let settings: [Parameter<Self>] =
    general + limitSettings + httpSettings + udpSettings + tlsSettings + stateSettings + accessSettings
    + extensionSettings + statusSettings

  /// What the sections are about, for the file.
  static let sections: [String: String] = [
    "limits": "How large the table may grow. At a limit the tracker goes on answering.",
    "http": "Announces, pages and the API over HTTP.",
    "udp": "Announces over UDP (BEP 15), on the same ports.",
    "tls": "HTTPS.",
    "state": "What outlives the process.",
    "access": "Who may announce what.",
    "extensions": "What goes beyond the standard protocols.",
    "status": "Status page, metrics and the API of the administrator.",
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
    .setting("http.threads", \.threads, value: "number", help: "Threads an address."),
    .setting("http.connections", \.maximumConnections, value: "number", help: "Connections an address."),
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

  private static let tlsSettings: [Parameter<Self>] = []

  private static let stateSettings: [Parameter<Self>] = []

  private static let accessSettings: [Parameter<Self>] = []

  private static let extensionSettings: [Parameter<Self>] = []

  private static let statusSettings: [Parameter<Self>] = []

  // MARK: As the command line writes them

  private var announceInterval: TimeSpan {
    get { TimeSpan(seconds: Double(interval)) }
    set { setInterval(Int(min(newValue.seconds, 1e9))) }
  }

  private var shortestInterval: TimeSpan? {
    get { minimumInterval.map { TimeSpan(seconds: Double($0)) } }
    set { minimumInterval = newValue.map { Int(min($0.seconds, 1e9)) } }
  }

  /// Refuses what cannot be meant.
  func validate() throws(UsageProblem) {
    guard (1...86400).contains(interval) else { throw UsageProblem("--interval: choose from 1s to 1d") }
    if let minimumInterval, minimumInterval > interval {
      throw UsageProblem("--minimum-interval: choose at most the interval")
    }
    guard maximumWanted >= 1 else { throw UsageProblem("--maximum-peers: choose at least 1") }
    guard servesHTTP || servesUDP else { throw UsageProblem("--no-http and --no-udp: choose one of them") }
    guard udpLoops ?? 1 >= 1 else { throw UsageProblem("--udp-threads: choose at least 1") }
    guard threads >= 1 else { throw UsageProblem("--http-threads: choose at least 1") }
  }
}
