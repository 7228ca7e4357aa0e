import Bytes

/// The extension messages that this program takes, with the ids that it gives them in its own handshake
/// (BEP 10). To a peer they are sent under the peer's ids.
public enum ExtensionKind: UInt8, Hashable, Sendable, CaseIterable {
  /// The info dictionary in parts (BEP 9).
  case metadata = 1
  /// Peers of the swarm (BEP 11).
  case peerExchange = 2
  /// A piece that its sender has lost (BEP 54).
  case donthave = 3
  /// Whether the sender wants nothing more.
  case uploadOnly = 4
  /// Two peers that cannot reach each other meet through a third (BEP 55).
  case holePunch = 5

  /// The name that the handshake maps to an id.
  public var name: String {
    switch self {
    case .metadata: "ut_metadata"
    case .peerExchange: "ut_pex"
    case .donthave: "lt_donthave"
    case .uploadOnly: "upload_only"
    case .holePunch: "ut_holepunch"
    }
  }
}

/// A short extension message, decoded.
public enum ExtensionMessage: Hashable, Sendable {
  /// The sender no longer has this piece (BEP 54).
  case donthave(piece: Int)
  /// Whether the sender wants nothing more.
  case uploadOnly(Bool)

  /// Reads the payload of a message of `kind`; `nil` for kinds that have a codec of their own.
  public init?(_ kind: ExtensionKind, payload: RawSpan) throws(Violation) {
    switch kind {
    case .donthave:
      guard payload.byteCount == 4 else { throw .malformedExtension(name: kind.name) }
      self = .donthave(piece: Int(payload.bigEndian(UInt32.self, at: 0)))
    case .uploadOnly:
      guard payload.byteCount >= 1 else { throw .malformedExtension(name: kind.name) }
      self = .uploadOnly(payload.byte(at: 0) != 0)
    case .metadata, .peerExchange, .holePunch:
      return nil
    }
  }
}

extension [UInt8] {
  /// Appends a whole frame that takes a piece back (BEP 54), under the id that its receiver gave the message.
  public mutating func append(donthave piece: Int, id: UInt8) {
    append(bigEndian: UInt32(6))
    append(MessageID.extended)
    append(id)
    append(bigEndian: UInt32(piece))
  }

  /// Appends a whole frame that says whether its sender wants nothing more, under the id that its receiver gave
  /// the message.
  public mutating func append(uploadOnly isUploadOnly: Bool, id: UInt8) {
    append(bigEndian: UInt32(3))
    append(MessageID.extended)
    append(id)
    append(isUploadOnly ? 1 : 0)
  }
}
