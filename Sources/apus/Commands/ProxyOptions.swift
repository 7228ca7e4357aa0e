import ArgumentParsing
import BitTorrent
import Proxy

/// Which proxies are used, and for what: options of every command that finds peers.
struct ProxyOptions: Sendable {
  static let parameters: [Parameter<Self>] = [
    .option(
      \.all, "--proxy", value: "url",
      help: """
        Reach peers, trackers and web seeds, and fetch torrent files, only through this proxy, which also finds all \
        names: socks5://host:port or http://host:port. Nobody is awaited then. uTP, the DHT and UDP trackers need \
        SOCKS with UDP.
        """),
    .option(
      \.peers, "--proxy-peers", value: "url",
      help: "The proxy for peers and the DHT, or 'none', whatever --proxy says."),
    .option(
      \.trackers, "--proxy-trackers", value: "url",
      help: "The proxy for trackers, or 'none', whatever --proxy says."),
    .option(
      \.webSeeds, "--proxy-web-seeds", value: "url",
      help:
        "The proxy for web seeds, and for torrent files and blocklists by URL, or 'none', whatever --proxy says."
    ),
    .option(
      \.login, "--proxy-login", value: "file",
      help: """
        A file with user:password for the proxies whose URL names no user; other users of this machine can see URLs. \
        Without it, the variable APUS_PROXY_LOGIN has user:password.
        """, complete: .files(nil)),
    .flag(
      \.listens, "--proxy-listen",
      help: """
        Await peers over TCP in spite of a proxy for them, and tell them the port, for who can be reached at the \
        proxy's address. Who connects sees this machine's address.
        """),
  ]
  var all: ProxySetting?
  var peers: ProxySetting?
  var trackers: ProxySetting?
  var webSeeds: ProxySetting?
  var login: String?
  var listens = false

  /// Proxies that are no such thing, without quoting them: they may have a password.
  func validate() throws(UsageProblem) {
    let given = [
      ("--proxy", all), ("--proxy-peers", peers), ("--proxy-trackers", trackers),
      ("--proxy-web-seeds", webSeeds),
    ]
    for case (let option, .unusable(let error)?) in given {
      throw UsageProblem("\(option): what is given \(error)")
    }
    if listens, proxy(peers) == nil { throw UsageProblem("--proxy-listen: there is no proxy for peers") }
  }

  /// Whether peers are reached through one, and of which kind.
  var kindForPeers: ProxyURL.Kind? { proxy(peers)?.kind }

  /// The settings for a session.
  func configuration() throws(Failure) -> ProxyConfiguration {
    var configuration = ProxyConfiguration()
    let credentials = try credentials()
    configuration.peers = proxy(peers, credentials)
    configuration.trackers = proxy(trackers, credentials)
    configuration.webSeeds = proxy(webSeeds, credentials)
    configuration.listens = listens
    return configuration
  }

  private func proxy(_ setting: ProxySetting?, _ credentials: ProxyCredentials? = nil) -> ProxyURL? {
    guard case .proxy(var url)? = setting ?? all else { return nil }
    url.credentials = url.credentials ?? credentials
    return url
  }

  private func credentials() throws(Failure) -> ProxyCredentials? {
    let text: String
    if let login {
      text = String(decoding: try FileSystem.read(login, limit: 4096), as: UTF8.self)
    } else if let variable = Process.environment["APUS_PROXY_LOGIN"] {
      text = variable
    } else {
      return nil
    }
    guard let credentials = ProxyCredentials(text) else {
      throw Failure("\(login.map { "'\($0)'" } ?? "APUS_PROXY_LOGIN") does not begin with user:password")
    }
    return credentials
  }
}

/// A proxy as it is given, or that there is none.
enum ProxySetting: ArgumentValue {
  case none
  case proxy(ProxyURL)
  /// What is wrong is told where the text is not quoted.
  case unusable(ProxyURLError)

  init(argument: String) {
    guard argument != "none" else {
      self = .none
      return
    }
    do throws(ProxyURLError) { self = .proxy(try ProxyURL(argument)) } catch { self = .unusable(error) }
  }

  var argumentText: String {
    switch self {
    case .proxy(let url): url.description
    case .none, .unusable: "none"
    }
  }
}
