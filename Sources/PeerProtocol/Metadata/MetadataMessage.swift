import Bencode
import Bytes

/// A message of `ut_metadata`: the info dictionary travels in pieces of 16 KiB (BEP 9).
public enum MetadataMessage: Hashable, Sendable {
  /// Bytes of a piece; the last one is shorter.
  public static let pieceSize = 16 << 10

  /// The sender wants this piece.
  case request(piece: Int)
  /// A piece; `total` is the size of the whole as the sender has it, the range lies in the payload that was
  /// decoded.
  case data(piece: Int, total: Int, Range<Int>)
  /// The sender does not give this piece.
  case reject(piece: Int)
  /// A message of a later version; to be ignored.
  case unknown(type: Int64)

  private static let options = BencodeOptions(
    maximumDepth: 8, maximumItems: 64, allowsUnsortedKeys: true, allowsTrailingBytes: true)

  /// Reads the payload that follows the message's id. O(n) of its dictionary, without looking at the data.
  ///
  /// - Throws: `Violation.malformedExtension` if it is no dictionary with a type, names no possible piece, or
  ///   carries more than a piece.
  public init(_ payload: RawSpan) throws(Violation) {
    let malformed = Violation.malformedExtension(name: ExtensionKind.metadata.name)
    let root: BencodeValue
    do {
      // The dictionary is short; what is copied is bounded whatever the message claims.
      root = try BencodeDocument(
        prefixOf: payload.extracting(0..<min(payload.byteCount, 512)), options: Self.options
      ).root
    } catch {
      throw malformed
    }
    guard root.isDictionary, let type = root["msg_type"]?.integer else { throw malformed }
    guard (0...2).contains(type) else {
      self = .unknown(type: type)
      return
    }
    guard let piece = root["piece"]?.integer, piece >= 0, piece < 1 << 24 else { throw malformed }
    switch type {
    case 0: self = .request(piece: Int(piece))
    case 2: self = .reject(piece: Int(piece))
    default:
      let data = root.range.upperBound..<payload.byteCount
      guard let total = root["total_size"]?.integer, total > 0, total < 1 << 40, !data.isEmpty,
        data.count <= Self.pieceSize
      else { throw malformed }
      self = .data(piece: Int(piece), total: Int(total), data)
    }
  }

  /// Pieces of a dictionary of `size` bytes.
  public static func pieceCount(_ size: Int) -> Int { (size + pieceSize - 1) / pieceSize }

  /// Where a piece lies in a dictionary of `size` bytes; `nil` if there is none of that number. O(1).
  public static func range(of piece: Int, size: Int) -> Range<Int>? {
    guard piece >= 0, piece < pieceCount(size) else { return nil }
    return piece * pieceSize..<min(size, (piece + 1) * pieceSize)
  }
}

extension [UInt8] {
  /// Appends a whole frame that asks for a piece of the info dictionary (BEP 9), under the id that its
  /// receiver gave the message.
  public mutating func append(metadataRequest piece: Int, id: UInt8) {
    let body: Bencode = ["msg_type": 0, "piece": .integer(Int64(piece))]
    append(extended: id, payload: body.encoded().rawBytes)
  }

  /// Appends a whole frame that refuses a piece of the info dictionary (BEP 9).
  public mutating func append(metadataReject piece: Int, id: UInt8) {
    let body: Bencode = ["msg_type": 2, "piece": .integer(Int64(piece))]
    append(extended: id, payload: body.encoded().rawBytes)
  }

  /// Appends a whole frame with a piece of the info dictionary `metadata` (BEP 9), which must have it.
  public mutating func append(metadata: [UInt8], piece: Int, id: UInt8) {
    guard let range = MetadataMessage.range(of: piece, size: metadata.count) else { return }
    let body: Bencode = [
      "msg_type": 1, "piece": .integer(Int64(piece)), "total_size": .integer(Int64(metadata.count)),
    ]
    let payload = body.encoded() + metadata[range]
    append(extended: id, payload: payload.rawBytes)
  }
}
