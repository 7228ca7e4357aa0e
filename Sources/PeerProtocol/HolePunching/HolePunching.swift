public import Addresses

/// How often one peer has us punch holes, or is asked to (BEP 55): each message may make two machines send packets
/// to addresses that others name.
///
/// Sans-I/O: `now` is in nanoseconds of any clock that only goes forward.
public struct HolePunching: Sendable {
  /// Messages at once, and nanoseconds for each further one.
  private static let burst = 16
  private static let spacing: UInt64 = 4_000_000_000
  /// Messages beyond that after which the peer is dropped.
  private static let floods = 64

  private var incoming = Allowance(spacing: spacing, burst: burst)
  private var outgoing = Allowance(spacing: spacing, burst: burst)
  private var excess = 0

  /// A peer that has said nothing.
  public init() {}

  /// A message came.
  public mutating func received(now: UInt64) -> PeerExchange.Verdict {
    if incoming.take(now: now) { return .take }
    excess += 1
    return excess > Self.floods ? .flood : .ignore
  }

  /// Whether the peer may be sent a message that somebody else caused; counts it.
  public mutating func sends(now: UInt64) -> Bool { outgoing.take(now: now) }

  /// Where a relay thinks that a peer is.
  public struct Acquaintance: Sendable {
    /// The other end of the connection.
    public var remote: Endpoint
    /// Where it awaits connections, as far as known.
    public var listening: Endpoint?
    /// Whether the connection is over uTP: then its other end is what a translator shows of it.
    public var isUTP: Bool
    /// Whether it knows of hole punching.
    public var takesPart: Bool

    /// Puts it together.
    public init(remote: Endpoint, listening: Endpoint?, isUTP: Bool, takesPart: Bool) {
      self.remote = remote
      self.listening = listening
      self.isUTP = isUTP
      self.takesPart = takesPart
    }

    /// Where others reach it, if at all.
    public var reachable: Endpoint? { isUTP ? remote : listening }

    /// Whether somebody who names an endpoint means it.
    public func isMeant(by endpoint: Endpoint) -> Bool { endpoint == listening || endpoint == remote }
  }

  /// What a relay says to both.
  public struct Introduction: Hashable, Sendable {
    /// Where the one who asked is to connect to.
    public var toAsker: Endpoint
    /// Where the other one is to connect to.
    public var toTarget: Endpoint
  }

  /// A relay's decision about a peer that somebody asks for; `target` is the peer that is meant, if it is connected.
  public static func introduce(
    _ asker: Acquaintance, to endpoint: Endpoint, target: Acquaintance?, isOurs: Bool
  ) -> Result<Introduction, Refusal> {
    guard endpoint.port != 0, !endpoint.address.isUnspecified, !endpoint.address.isMulticast,
      !asker.isMeant(by: endpoint)
    else { return .failure(Refusal(.noSuchPeer)) }
    guard !isOurs else { return .failure(Refusal(.noSelf)) }
    guard let target else { return .failure(Refusal(.notConnected)) }
    guard target.takesPart else { return .failure(Refusal(.noSupport)) }
    // Nobody is sent to look at the insides of somebody's network from outside.
    guard let there = target.reachable, let back = asker.reachable, there.address.isV4 == back.address.isV4,
      PeerExchange.isPlausible(there, toldBetween: asker.remote.address),
      PeerExchange.isPlausible(back, toldBetween: target.remote.address)
    else { return .failure(Refusal(.noSuchPeer)) }
    return .success(Introduction(toAsker: there, toTarget: back))
  }

  /// Why a relay does not help.
  public struct Refusal: Error, Hashable, Sendable {
    /// The reason, in the words of the specification.
    public let fault: HolePunchMessage.Fault
    init(_ fault: HolePunchMessage.Fault) { self.fault = fault }
  }
}
