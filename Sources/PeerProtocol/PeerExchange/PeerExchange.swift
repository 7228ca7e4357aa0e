public import Addresses

/// What one peer was told of other peers, and how often it tells us (BEP 11).
///
/// Sans-I/O: `now` is in nanoseconds of any clock that only goes forward. Confined to its owner.
public struct PeerExchange: Sendable {
  /// How much is told and taken.
  public struct Limits: Hashable, Sendable {
    /// Nanoseconds between messages to the peer.
    public var interval: UInt64 = 60_000_000_000
    /// Nanoseconds between messages of the peer, on the average: a little less than it has to wait.
    public var patience: UInt64 = 45_000_000_000
    /// Messages that may come at once.
    public var burst = 4
    /// Messages beyond that after which the peer is dropped.
    public var floods = 20

    /// The defaults.
    public init() {}
  }

  /// What is to be done with a message that came.
  public enum Verdict: Hashable, Sendable {
    /// It counts.
    case take
    /// It came too soon.
    case ignore
    /// There were too many of those.
    case flood
  }

  private let limits: Limits
  private var told: Set<Endpoint> = []
  private var nextMessage: UInt64 = 0
  private var allowance: Allowance
  private var excess = 0

  /// A peer that was told nothing.
  public init(limits: Limits = Limits()) {
    self.limits = limits
    allowance = Allowance(spacing: limits.patience, burst: limits.burst)
  }

  /// Whether a message may be sent now.
  public func isDue(now: UInt64) -> Bool { now >= nextMessage }

  /// The message for the peer at `receiver`, given who is connected now; `nil` if it is not time, or there is
  /// nothing to tell. O(connected + told).
  public mutating func message(
    connected: [PeerExchangeMessage.Contact], to receiver: Endpoint, now: UInt64
  ) -> PeerExchangeMessage? {
    guard isDue(now: now) else { return nil }
    var message = PeerExchangeMessage()
    for contact in connected
    where message.added.count < PeerExchangeMessage.limit && contact.endpoint != receiver
      && !told.contains(contact.endpoint)
      && Self.isPlausible(contact.endpoint, toldBetween: receiver.address)
    {
      message.added.append(contact)
    }
    let present = Set(connected.lazy.map(\.endpoint))
    message.dropped = Array(told.lazy.filter { !present.contains($0) }.prefix(PeerExchangeMessage.limit))
    guard !message.added.isEmpty || !message.dropped.isEmpty else { return nil }
    told.subtract(message.dropped)
    told.formUnion(message.added.lazy.map(\.endpoint))
    nextMessage = now + limits.interval
    return message
  }

  /// A message came.
  public mutating func received(now: UInt64) -> Verdict {
    if allowance.take(now: now) { return .take }
    excess += 1
    return excess > limits.floods ? .flood : .ignore
  }

  /// Whether an address that a peer at `address` tells, or is told, can be of use: a possible address, and one
  /// of a private network only among those who are in one, so that nobody is sent to look at the insides of
  /// somebody's network from outside.
  public static func isPlausible(_ endpoint: Endpoint, toldBetween address: IPAddress) -> Bool {
    let told = endpoint.address
    guard endpoint.port != 0, !told.isUnspecified, !told.isMulticast else { return false }
    if told.isLoopback { return address.isLoopback }
    return !told.isPrivate || address.isPrivate || address.isLoopback
  }
}
