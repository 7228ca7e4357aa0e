import Bencode
import Digest

/// A file as a torrent names it, before anything is made safe.
struct RawFile {
  /// Components under the torrent's name; none for the only file of a torrent that is no folder.
  var path: [[UInt8]]
  var length: Int64
  var attributes = Attributes()
  var piecesRoot: SHA256Digest?

  /// What BEP 47 says of a file.
  struct Attributes: Equatable {
    var isPadding = false
    var isExecutable = false
    /// The target's components under the torrent's name.
    var linkTarget: [[UInt8]]?
  }

  var text: String { Self.text(path) }

  static func text(_ path: [[UInt8]]) -> String {
    path.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
  }
}

extension RawFile {
  /// Reads length and attributes of the file that `value` describes.
  init(
    _ value: BencodeValue, path: [[UInt8]], limits: MetainfoLimits
  ) throws(MetainfoError) {
    self.path = path
    // libtorrent leaves the length of links out of the file tree.
    let isLink = value["attr"]?.string?.contains(UInt8(ascii: "l")) ?? false
    guard let length = try MetainfoReader.integer(value, "length") ?? (isLink ? 0 : nil) else {
      throw .missing(key: "length")
    }
    guard length >= 0 else { throw .negativeLength(path: Self.text(path)) }
    guard length <= limits.maximumContentLength else {
      throw .contentTooLarge(limit: limits.maximumContentLength)
    }
    self.length = length
    for attribute in value["attr"]?.string ?? [] {
      switch attribute {
      case UInt8(ascii: "p"): attributes.isPadding = true
      case UInt8(ascii: "x"): attributes.isExecutable = true
      case UInt8(ascii: "l"):
        guard let target = value["symlink path"]?.list, !target.isEmpty, length == 0,
          target.count <= limits.maximumPathComponents
        else { throw .invalidLink(path: Self.text(path)) }
        attributes.linkTarget = target.map { $0.string ?? [] }
      default: break
      }
    }
    try check(path: path, limits)
    try check(path: attributes.linkTarget ?? [], limits)
  }

  private func check(path: [[UInt8]], _ limits: MetainfoLimits) throws(MetainfoError) {
    guard path.count <= limits.maximumPathComponents else {
      throw .pathTooDeep(path: Self.text(path), limit: limits.maximumPathComponents)
    }
    // What is too long for a component is cut later, so only the cut length counts.
    let bytes = path.reduce(0) { $0 + min($1.count, SafeName.maximumBytes) + 1 }
    guard bytes <= limits.maximumPathBytes else {
      throw .pathTooLong(path: Self.text(path), limit: limits.maximumPathBytes)
    }
  }
}
