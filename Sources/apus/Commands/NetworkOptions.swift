import Addresses
import ArgumentParsing
import BitTorrent
import Blocklist
import Encryption
import Proxy
import TrackerProtocol

/// How a session finds and reaches peers: the options that `download`, `seed` and `magnet` share. One table is the
/// source of parsing, help and documentation.
struct NetworkOptions: Sendable {
  static let parameters: [Parameter<Self>] =
    [
      .option(
        \.listen, "--listen", "-l", value: "address:port",
        help: "Where to await peers. Without it, every address and the first free port from 6881."),
      .option(
        \.interface, "--interface", value: "name|address",
        help: """
          Send and receive everything through this interface, such as that of a VPN. While it is gone, nothing \
          leaves by another way. Host names are still looked up by the system's resolver.
          """),
      .option(\.peers, "--peer", value: "address:port", help: "A peer to connect to from the start."),
      .option(
        \.limitDown, "--limit-down", value: "rate",
        help: "Receive at most so many bytes a second, such as 500K or 10M; all torrents together."),
      .option(
        \.limitUp, "--limit-up", value: "rate",
        help: "Send at most so many bytes a second, such as 500K or 10M; all torrents together."),
      .option(
        \.encryption, "--encryption", value: "policy",
        help: """
          Whether what is spoken with peers is hidden: off, allow (where they ask for it), prefer, or require.
          """),
      .flag(
        \.usesWebSeeds, "--no-web-seeds", sets: false,
        help: "Download from peers only, not from the web servers that a torrent or magnet link names."),
      .flag(\.usesDHT, "--no-dht", sets: false, help: "Neither look for peers nor be found in the DHT."),
      .flag(\.noPeerExchange, "--no-pex", help: "Exchange no peers with peers."),
      .flag(\.noHolePunching, "--no-holepunch", help: "Meet nobody through other peers, and help nobody to."),
      .flag(\.noTCP, "--no-tcp", help: "Reach and await peers over uTP only."),
      .flag(\.noUTP, "--no-utp", help: "Reach and await peers over TCP only."),
      .option(
        \.blocklists, "--blocklist", value: "file|url",
        help: """
          Have nothing to do with the addresses of a list (p2p, eMule's dat, or CIDR; gzip or plain; http or \
          https): no peers, DHT nodes or web seeds. May be given several times. Files are read again when they \
          change, all every 24 hours.
          """, complete: .files(nil)),
      .flag(
        \.mapsPorts, "--no-port-mapping", sets: false,
        help: "Do not ask the router (NAT-PMP, UPnP) to let peers in."),
      .flag(\.noLocalDiscovery, "--no-lsd", help: "Seek no peers on the local network."),
      .option(
        \.announceName, "--announce-name", value: "text",
        help: "A name for this client, for the people behind trackers that show it."),
      .option(
        \.announceBandwidth, "--announce-bandwidth", value: "rate",
        help: "Tell trackers that so many bytes a second can be sent, until they have measured it."),
    ] + Parameter.group(\.dht, DHTEntry.parameters) + Parameter.group(\.proxies, ProxyOptions.parameters)
  var listen: [Endpoint] = []
  var interface: String?
  var peers: [Endpoint] = []
  var limitDown: ByteCount?
  var limitUp: ByteCount?
  var encryption = EncryptionPolicy.allow
  var usesWebSeeds = true
  var usesDHT = true
  var dht = DHTEntry()
  var proxies = ProxyOptions()
  var noPeerExchange = false
  var noHolePunching = false
  var noLocalDiscovery = false
  var noTCP = false
  var noUTP = false
  var mapsPorts = true
  var blocklists: [String] = []
  var announceName: String?
  var announceBandwidth: ByteCount?

  /// The ports that BitTorrent programs traditionally use.
  private static let usualPorts: ClosedRange<UInt16> = 6881...6889

  /// Rates below this are more likely a forgotten unit than a wish.
  private static let lowestRate: Int64 = 1 << 10

  /// Refuses what cannot be meant, such as rates at which nothing would ever arrive.
  func validate() throws(UsageProblem) {
    if noTCP, noUTP { throw UsageProblem("--no-tcp and --no-utp: no way to any peer is left") }
    try dht.validate()
    try proxies.validate()
    if noTCP, proxies.kindForPeers == .http {
      throw UsageProblem("--no-tcp: an HTTP proxy leads to peers over TCP only")
    }
    if noTCP, proxies.listens {
      throw UsageProblem("--no-tcp and --proxy-listen: with a proxy peers are awaited over TCP only")
    }
    if !listen.isEmpty, proxies.kindForPeers != nil, !proxies.listens {
      throw UsageProblem(
        "--listen: with a proxy for peers nobody is awaited; if that is meant, add --proxy-listen")
    }
    if let announceName, !ExtensionQuery.isName(announceName) {
      throw UsageProblem("--announce-name: choose at most \(ExtensionQuery.maximumName) bytes, on one line")
    }
    for (option, rate) in [
      ("--limit-down", limitDown), ("--limit-up", limitUp), ("--announce-bandwidth", announceBandwidth),
    ] {
      if let rate, rate.bytes < Self.lowestRate { throw UsageProblem("\(option): the lowest rate is 1K") }
    }
  }

  /// Starts a session at the addresses given; without any, at all addresses of the machine and the first
  /// usual port that is free, or else any.
  func session(_ console: Console) async throws(Failure) -> Session {
    let throughProxy = try proxies.configuration().webSeeds
    let feed = BlocklistFeed(sources: blocklists, interface: interface, proxy: throughProxy)
    let blocked = try await feed.load()
    for note in blocked.notes { console.note(note) }
    let session = try await session(blocking: blocked.list)
    if !blocklists.isEmpty { feed.follow(session, console) }
    return session
  }

  private func session(blocking list: Blocklist) async throws(Failure) -> Session {
    var configuration = SessionConfiguration()
    configuration.blocklist = list
    configuration.mapsPorts = mapsPorts
    configuration.interface = interface
    configuration.downloadLimit = limitDown.map { Int($0.bytes) }
    configuration.uploadLimit = limitUp.map { Int($0.bytes) }
    configuration.encryption = encryption
    configuration.webSeeds.isEnabled = usesWebSeeds
    configuration.dht = dht.configuration(listen: listen, isEnabled: usesDHT)
    configuration.proxies = try proxies.configuration()
    configuration.peerExchange = !noPeerExchange
    configuration.holePunching = !noHolePunching
    configuration.localDiscovery = !noLocalDiscovery
    configuration.announcedName = announceName
    configuration.announcedBandwidth = announceBandwidth.map { UInt64($0.bytes) }
    configuration.usesTCP = !noTCP
    configuration.usesUTP = !noUTP
    configuration.diskThreads = max(2, Process.processors)
    if !listen.isEmpty {
      configuration.listen = listen
      return try await Self.start(configuration)
    }
    for port in Self.usualPorts {
      configuration.listen = [Endpoint(.anyV4, port: port), Endpoint(.anyV6, port: port)]
      do throws(SessionError) {
        return try await Session(configuration)
      } catch {
        // Another port helps where this one is taken, not where there is no such proxy.
        guard error.code == .cannotListen else { throw Failure(error.message) }
      }
    }
    configuration.listen = [Endpoint(.anyV4, port: 0), Endpoint(.anyV6, port: 0)]
    return try await Self.start(configuration)
  }

  private static func start(_ configuration: SessionConfiguration) async throws(Failure) -> Session {
    do throws(SessionError) {
      return try await Session(configuration)
    } catch {
      throw Failure(error.message)
    }
  }
}
