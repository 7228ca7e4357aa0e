public import Proxy

/// Which proxies a session uses, and for what. What has one never goes another way, name look-ups included.
public struct ProxyConfiguration: Sendable {
  /// For peers and the DHT. With one, nobody is awaited and peers are told no port; the local network is left alone;
  /// uTP and the DHT need a SOCKS proxy that relays datagrams.
  public var peers: ProxyURL?
  /// For trackers; those over UDP need a SOCKS proxy that relays datagrams.
  public var trackers: ProxyURL?
  /// For web seeds.
  public var webSeeds: ProxyURL?
  /// Whether peers are awaited at the session's addresses although there is a proxy for peers, over TCP, and are
  /// told the port: for who can be reached at the proxy's address. Whoever connects sees where we are.
  public var listens = false

  /// None.
  public init() {}

  /// The same for everything.
  public init(all proxy: ProxyURL) {
    peers = proxy
    trackers = proxy
    webSeeds = proxy
  }
}

extension SessionConfiguration {
  /// The same without anything that would go past the proxy for peers.
  var sealed: SessionConfiguration {
    guard let proxy = proxies.peers else { return self }
    var sealed = self
    if !proxies.listens { sealed.listen = [] }
    sealed.localDiscovery = false
    sealed.mapsPorts = false
    // Who asks us may reach us or not: others should not count on it (BEP 43).
    sealed.dht.isReadOnly = true
    // An id that is known at our own address would tell who is behind the proxy.
    sealed.dht.stateFile = dht.stateFile.map { $0 + "-proxy" }
    if proxy.kind == .http {
      sealed.usesUTP = false
      sealed.dht.isEnabled = false
    }
    return sealed
  }
}
