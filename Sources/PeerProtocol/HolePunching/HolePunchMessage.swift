public import Addresses
import Bytes

/// A message of `ut_holepunch` (BEP 55): two peers that cannot reach each other are told by a third, which both are
/// connected to, to try it at the same time over uTP, so that their translators let it pass.
public enum HolePunchMessage: Hashable, Sendable {
  /// Why a relay does not help.
  public enum Fault: UInt32, Hashable, Sendable, CaseIterable {
    /// No peer can be there.
    case noSuchPeer = 1
    /// The relay is not connected to it.
    case notConnected = 2
    /// It does not know of this extension.
    case noSupport = 3
    /// It is the relay itself.
    case noSelf = 4
  }

  /// To a relay: I would like to meet the peer there.
  case rendezvous(Endpoint)
  /// From a relay: connect to the peer there, now.
  case connect(Endpoint)
  /// From a relay: that cannot be; `nil` where the reason is none of the specification.
  case failed(Endpoint, Fault?)

  /// Which of them it is, on the wire.
  private enum Kind: UInt8 {
    case rendezvous = 0
    case connect = 1
    case failed = 2
  }

  /// The longest payload that is looked at, in bytes.
  public static let maximumSize = 64

  /// Reads the payload that follows the message's id. What follows a message is passed over, and the reason may be
  /// left out where there is none, as some programs do.
  public init(_ payload: RawSpan) throws(Violation) {
    let malformed = Violation.malformedExtension(name: ExtensionKind.holePunch.name)
    guard 2...Self.maximumSize ~= payload.byteCount, let kind = Kind(rawValue: payload.byte(at: 0)),
      payload.byte(at: 1) < 2
    else { throw malformed }
    let isV6 = payload.byte(at: 1) == 1
    let end = 2 + Endpoint.compactSize(isV6: isV6)
    guard payload.byteCount >= end else { throw malformed }
    let endpoint = Endpoint(compact: payload, at: 2, isV6: isV6)
    switch kind {
    case .rendezvous: self = .rendezvous(endpoint)
    case .connect: self = .connect(endpoint)
    case .failed:
      guard payload.byteCount >= end + 4 else { throw malformed }
      self = .failed(endpoint, Fault(rawValue: payload.bigEndian(UInt32.self, at: end)))
    }
  }

  /// The peer that it is about.
  public var endpoint: Endpoint {
    switch self {
    case .rendezvous(let endpoint), .connect(let endpoint), .failed(let endpoint, _): endpoint
    }
  }

  /// The payload that follows the message's id.
  public func encoded() -> [UInt8] {
    let kind: Kind
    var reason: UInt32 = 0
    switch self {
    case .rendezvous: kind = .rendezvous
    case .connect: kind = .connect
    case .failed(_, let fault):
      kind = .failed
      reason = fault?.rawValue ?? 0
    }
    var bytes: [UInt8] = [kind.rawValue, endpoint.address.isV4 ? 0 : 1]
    endpoint.appendCompact(to: &bytes)
    bytes.append(bigEndian: reason)
    return bytes
  }
}
