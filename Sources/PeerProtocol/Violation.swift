/// What a peer did that the protocol does not allow; the connection ends with it.
///
/// Small and cheap to compare, so that closes can be counted by kind; formatted only when shown.
public enum Violation: Error, Hashable, Sendable {
  /// The handshake does not start with the protocol's name.
  case foreignProtocol
  /// Fewer bytes than a handshake has.
  case shortHandshake(count: Int)
  /// A frame announces more bytes than the limit.
  case oversizedFrame(length: Int, limit: Int)
  /// A frame whose length does not fit the message that it names.
  case wrongLength(id: UInt8, length: Int)
  /// An extension message of a form that its BEP does not know.
  case malformedExtension(name: String)
}

extension Violation: CustomStringConvertible {
  /// One sentence in words, for logs.
  public var description: String {
    switch self {
    case .foreignProtocol: "the handshake is not BitTorrent's"
    case .shortHandshake(let count): "the handshake has \(count) bytes, not \(Handshake.byteCount)"
    case .oversizedFrame(let length, let limit): "a frame of \(length) bytes, over the limit of \(limit)"
    case .wrongLength(let id, let length): "a frame of \(length) bytes, wrong for message \(id)"
    case .malformedExtension(let name): "a malformed \(name) message"
    }
  }
}
