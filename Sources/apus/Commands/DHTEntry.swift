import Addresses
import ArgumentParsing
import BitTorrent
import Metainfo

/// How the DHT is entered: options of every command that takes part in it.
struct DHTEntry: Sendable {
  static let parameters: [Parameter<Self>] = [
    .option(\.bootstrap, "--dht-bootstrap", value: "host:port", help: "A node to enter the DHT through."),
    .option(
      \.routers, "--dht-routers", value: "list",
      help: """
        Nodes to enter through when none is known, separated by commas; 'none' for none; 'public' for \
        router.bittorrent.com:6881, dht.transmissionbt.com:6881 and dht.libtorrent.org:25401. Not used when \
        only this machine is listened on.
        """, environment: "APUS_DHT_ROUTERS"),
    .option(
      \.state, "--dht-state", value: "file",
      help: "Where known nodes are kept for the next run. Without it, apus/dht in the user's state folder.",
      complete: .files(nil)),
  ]
  var bootstrap: [Node] = []
  var routers = "public"
  var state: String?

  /// Each of `routers`; blanks behind the commas do no harm.
  private var routerNames: [String] {
    routers.split { $0 == "," || $0 == " " }.map { String($0) }
  }

  func validate() throws(UsageProblem) {
    guard routers != "none", routers != "public" else { return }
    for router in routerNames where Node(router) == nil {
      throw UsageProblem("--dht-routers: '\(router)' is no host and port such as router.example:6881")
    }
  }

  /// The settings for a session that listens at these addresses.
  func configuration(listen: [Endpoint], isEnabled: Bool = true) -> DHTConfiguration {
    var configuration = DHTConfiguration()
    configuration.isEnabled = isEnabled
    configuration.routers = bootstrap
    if routers != "none", listen.isEmpty || !listen.allSatisfy(\.address.isLoopback) {
      configuration.routers +=
        routers == "public" ? DHTConfiguration.publicRouters : routerNames.compactMap { Node($0) }
    }
    configuration.stateFile = state ?? Self.usualState(listen)
    return configuration
  }

  /// `$XDG_STATE_HOME/apus/dht`; none for sessions that only this machine can reach, whose nodes are of no use
  /// to others.
  private static func usualState(_ listen: [Endpoint]) -> String? {
    if !listen.isEmpty, listen.allSatisfy(\.address.isLoopback) { return nil }
    let environment = Process.environment
    if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return folder + "/apus/dht" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.local/state/apus/dht"
  }
}
