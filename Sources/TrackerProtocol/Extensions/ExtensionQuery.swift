import Bytes

/// What an announce says beyond the BEPs: keys that begin with `x_` (docs/EXTENSIONS.md). Trackers that do not know
/// them pass them over.
public struct ExtensionQuery: Sendable, Equatable {
  /// The peer wants the best peers first (X4): `x_rank=1`.
  public var isRanked = false
  /// Bytes a second that it says it can send (X5): `x_bw`.
  public var bandwidth: UInt64?
  /// What its user calls it (X5): `x_name`, at most `maximumName` bytes.
  public var name: String?
  /// All that it has (X1): `x_have` as text, or `x_bits` as a bitmap.
  public var have: PieceSet?
  /// What it has got since (X1): `x_got`.
  public var got: PieceSet?
  /// What it has no more (X2): `x_lost`.
  public var lost: PieceSet?
  /// Pieces that it looks for (X3), at most `maximumNeed`: `x_need`.
  public var need: [Int] = []

  /// Bytes of a name.
  public static let maximumName = 64
  /// Pieces that one announce may ask for.
  public static let maximumNeed = 16

  /// Says nothing.
  public init() {}

  /// Whether anything here is about pieces.
  public var isAboutPieces: Bool { have != nil || got != nil || lost != nil || !need.isEmpty }

  /// Whether a raw query has such keys at all. O(n), no allocation.
  public static func isPresent(in query: [UInt8]) -> Bool {
    var before = UInt8(ascii: "&")
    for index in 0..<max(0, query.count - 2) {
      if query[index] == UInt8(ascii: "x"), before == UInt8(ascii: "&"), query[index + 1] == UInt8(ascii: "_")
      {
        return true
      }
      before = query[index]
    }
    return false
  }

  /// Reads them from a raw query; `nil` if it has none. Keys and values that make no sense are passed over, as
  /// everything unknown is. O(n).
  public init?(query bytes: [UInt8]) {
    guard Self.isPresent(in: bytes) else { return nil }
    let query = QueryString(bytes)
    for parameter in query.parameters where parameter.key.hasPrefix("x_") {
      let value = parameter.value
      switch parameter.key {
      case "x_rank": isRanked = QueryBytes.number(bytes.rawBytes, value) == 1
      case "x_bw": bandwidth = QueryBytes.number(bytes.rawBytes, value)
      case "x_name": name = query.text(value).flatMap { Self.isName($0) ? $0 : nil }
      case "x_have": have = query.decoded(value).flatMap { PieceSet($0) }
      case "x_bits": have = query.decoded(value).flatMap { PieceSet(bitmap: $0) }
      case "x_got": got = query.decoded(value).flatMap { PieceSet($0) }
      case "x_lost": lost = query.decoded(value).flatMap { PieceSet($0) }
      case "x_need":
        let pieces = query.decoded(value).flatMap { PieceSet($0) } ?? PieceSet()
        need = Array(pieces.ranges.lazy.joined().prefix(Self.maximumNeed))
      default: break
      }
    }
  }

  /// Whether a name may be shown: one line, not too long.
  public static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= maximumName
      && text.unicodeScalars.allSatisfy { $0.value >= 32 && !(0x7f..<0xa0).contains($0.value) }
  }

  /// The keys and values, to be put behind those of an announce. All that it has goes as text or as a bitmap,
  /// whichever is shorter.
  public var query: String {
    var parts = ["x_rank=\(isRanked ? 1 : 0)"]
    if let bandwidth { parts.append("x_bw=\(bandwidth)") }
    if let name { parts.append("x_name=\(QueryString.encoded(name.utf8))") }
    if let have {
      let text = "x_have=\(have.text)"
      let bits = text.utf8.count > 64 ? "x_bits=\(QueryString.encoded(have.bitmap))" : text
      parts.append(bits.utf8.count < text.utf8.count ? bits : text)
    }
    if let got { parts.append("x_got=\(got.text)") }
    if let lost { parts.append("x_lost=\(lost.text)") }
    if !need.isEmpty { parts.append("x_need=\(need.map(String.init).joined(separator: ","))") }
    return parts.joined(separator: "&")
  }

  /// An announce URL with these keys added.
  public func url(on announce: String) -> String { QueryString.append(query, to: announce) }
}
