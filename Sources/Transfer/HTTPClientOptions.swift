public import Addresses
public import EventLoop

/// What holds for all requests of an `HTTPClient`.
public struct HTTPClientOptions: Sendable {
  /// Sent as `User-Agent`.
  public var userAgent = "apus/0.1"
  /// The proxy's URL (`http://`, `socks5h://`); `nil` for none.
  public var proxy: String?
  /// Whether the proxies that the environment names are used where `proxy` is `nil`.
  public var usesEnvironmentProxies = false
  /// A file of trusted certificates in PEM form instead of the system's.
  public var certificates: String?
  /// The local address that requests leave from; `nil` leaves it to the system. Servers are then
  /// reached by its family only.
  public var source: IPAddress?
  /// The interface that requests use; while it is gone they fail at once, without looking a name up. Names are looked
  /// up by the system's resolver, by whatever way it takes.
  public var binding: SocketBinding?
  /// Whether bytes may be streamed from a server at an address, asked before each connection to it; `nil` if from
  /// all. Redirects and names lead nowhere else.
  public var streamsTo: (@Sendable (IPAddress) -> Bool)?
  /// Connections at a time; requests beyond wait.
  public var maximumConnections = 128
  /// Connections kept open for later requests.
  public var maximumIdleConnections = 32

  /// The defaults: no proxy, the system's certificates.
  public init() {}
}
