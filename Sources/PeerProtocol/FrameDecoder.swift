import Bytes

/// Splits a byte stream into messages, in place and without allocation.
///
/// A frame is a big-endian length, then so many bytes: one for the message's id and the rest for its
/// payload (BEP 3). A length that is too large, or wrong for the id, is found as soon as the bytes that
/// show it are there, before any payload is waited for.
public enum FrameDecoder {
  /// What a peer may send.
  public struct Limits: Hashable, Sendable {
    /// The longest frame, without its four length bytes.
    public var frame: Int

    /// By default 1 MiB of payload and room for headers: a bitfield of 8 million pieces.
    public init(frame: Int = 1 << 20 + 64) { self.frame = frame }

    /// The default limits.
    public static let standard = Limits()
  }

  /// What the bytes at an offset hold.
  public enum Step: Hashable, Sendable {
    /// A whole message; the next frame starts at `next`.
    case message(Message, next: Int)
    /// The frame is not all here: it needs so many bytes from its start, or four until its length is known.
    case incomplete(needed: Int)
    /// The peer broke the rules.
    case violation(Violation)
  }

  /// The header of a piece message whose payload may not have come yet.
  public struct PieceHeader: Hashable, Sendable {
    /// Bytes from the frame's start to its payload.
    public static let byteCount = 13

    /// The piece's index.
    public var piece: Int
    /// The first byte within the piece.
    public var begin: Int
    /// Bytes of payload that follow the header.
    public var length: Int
  }

  /// Decodes the frame that starts at `offset`, which is at most the number of bytes. O(1).
  public static func next(in bytes: RawSpan, from offset: Int, limits: Limits = .standard) -> Step {
    let available = bytes.byteCount - offset
    guard available >= 4 else { return .incomplete(needed: 4) }
    let length = Int(bytes.bigEndian(UInt32.self, at: offset))
    if length == 0 { return .message(.keepAlive, next: offset + 4) }
    guard length <= limits.frame else {
      return .violation(.oversizedFrame(length: length, limit: limits.frame))
    }
    guard available >= 5 else { return .incomplete(needed: 4 + length) }
    let id = bytes.byte(at: offset + 4)
    guard isValid(length: length, id: id) else { return .violation(.wrongLength(id: id, length: length)) }
    guard available >= 4 + length else { return .incomplete(needed: 4 + length) }
    let end = offset + 4 + length
    return .message(message(id: id, in: bytes, payload: offset + 5..<end), next: end)
  }

  /// The header of the piece message that starts at `offset`, if one does and its 13 bytes are here.
  ///
  /// Lets the receiver read the payload from the socket straight into the piece's buffer. `nil` for any
  /// other message, for too few bytes and for lengths over the limit, all of which `next` tells apart.
  public static func pieceHeader(
    in bytes: RawSpan, from offset: Int, limits: Limits = .standard
  ) -> PieceHeader? {
    guard bytes.byteCount - offset >= PieceHeader.byteCount else { return nil }
    let length = Int(bytes.bigEndian(UInt32.self, at: offset))
    guard bytes.byte(at: offset + 4) == MessageID.piece, length >= 9, length <= limits.frame else {
      return nil
    }
    return PieceHeader(
      piece: Int(bytes.bigEndian(UInt32.self, at: offset + 5)),
      begin: Int(bytes.bigEndian(UInt32.self, at: offset + 9)), length: length - 9)
  }

  /// Whether a frame of `length` bytes, its id included, can hold message `id`.
  private static func isValid(length: Int, id: UInt8) -> Bool {
    switch id {
    case MessageID.choke, MessageID.unchoke, MessageID.interested, MessageID.notInterested,
      MessageID.haveAll, MessageID.haveNone:
      length == 1
    case MessageID.have, MessageID.suggest, MessageID.allowedFast:
      length == 5
    case MessageID.request, MessageID.cancel, MessageID.reject:
      length == 1 + BlockRequest.byteCount
    case MessageID.piece:
      length >= 9
    case MessageID.port:
      length == 3
    case MessageID.extended:
      length >= 2
    case MessageID.hashRequest, MessageID.hashReject:
      length == 1 + HashRequest.byteCount
    case MessageID.hashes:
      length > HashRequest.byteCount && (length - 1 - HashRequest.byteCount) % 32 == 0
    default:
      true
    }
  }

  /// The message in a payload whose length was checked.
  private static func message(id: UInt8, in bytes: RawSpan, payload: Range<Int>) -> Message {
    let start = payload.lowerBound
    switch id {
    case MessageID.choke: return .choke
    case MessageID.unchoke: return .unchoke
    case MessageID.interested: return .interested
    case MessageID.notInterested: return .notInterested
    case MessageID.haveAll: return .haveAll
    case MessageID.haveNone: return .haveNone
    case MessageID.have: return .have(Int(bytes.bigEndian(UInt32.self, at: start)))
    case MessageID.suggest: return .suggest(Int(bytes.bigEndian(UInt32.self, at: start)))
    case MessageID.allowedFast: return .allowedFast(Int(bytes.bigEndian(UInt32.self, at: start)))
    case MessageID.bitfield: return .bitfield(payload)
    case MessageID.request: return .request(BlockRequest(bytes, at: start))
    case MessageID.cancel: return .cancel(BlockRequest(bytes, at: start))
    case MessageID.reject: return .reject(BlockRequest(bytes, at: start))
    case MessageID.piece:
      return .piece(
        index: Int(bytes.bigEndian(UInt32.self, at: start)),
        begin: Int(bytes.bigEndian(UInt32.self, at: start + 4)), start + 8..<payload.upperBound)
    case MessageID.port: return .port(bytes.bigEndian(UInt16.self, at: start))
    case MessageID.extended: return .extended(id: bytes.byte(at: start), start + 1..<payload.upperBound)
    case MessageID.hashRequest: return .hashRequest(HashRequest(bytes, at: start))
    case MessageID.hashReject: return .hashReject(HashRequest(bytes, at: start))
    case MessageID.hashes:
      return .hashes(HashRequest(bytes, at: start), start + HashRequest.byteCount..<payload.upperBound)
    default: return .unknown(id: id)
    }
  }
}
