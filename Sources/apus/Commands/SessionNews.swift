import Addresses
import BitTorrent
import PortMapping

/// Tells what becomes of the session as a whole: its interface, its proxies, and doors that a router opens.
struct SessionNews {
  private let console: Console
  private let json: Bool
  private let quiet: Bool
  private var mappings: [PortMapping] = []
  private var network: NetworkState
  private var addresses: [IPAddress] = []
  private var proxyMessage: String?

  /// News from now on.
  init(_ session: Session, _ console: Console, json: Bool, quiet: Bool) {
    self.console = console
    self.json = json
    self.quiet = quiet
    network = session.network
  }

  /// Tells what has changed since the last call.
  mutating func tell(_ session: Session) {
    tellOfProxy(session)
    let (mappings, network) = (session.portMappings, session.network)
    if json, mappings != self.mappings { console.event(SwarmEvent.portMappings(mappings)) }
    self.mappings = mappings
    let addresses = session.externalAddresses
    if json, addresses != self.addresses { console.event(SwarmEvent.externalAddresses(addresses)) }
    self.addresses = addresses
    guard network != self.network else { return }
    self.network = network
    if json { return console.event(SwarmEvent.network(network)) }
    guard !quiet else { return }
    switch network {
    case .open: break
    case .bound(let interface, let addresses):
      console.note("interface \(interface) is there: \(addresses.map(\.description).joined(separator: ", "))")
    case .down(let interface):
      console.note("interface \(interface) is gone: nothing is sent or received until it is back")
    }
  }

  /// Tells once what is wrong with a proxy.
  private mutating func tellOfProxy(_ session: Session) {
    let message = session.proxyMessage
    guard message != proxyMessage else { return }
    proxyMessage = message
    guard let message else { return }
    if json { return console.event(SwarmEvent.proxy(message)) }
    if !quiet { console.note("proxy \(message)") }
  }
}
