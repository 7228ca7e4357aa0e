import Metainfo

/// What names a torrent on the command line: a file, a URL or a magnet link.
enum TorrentSource: Sendable {
  case file(String)
  case url(String)
  case magnet(String)

  /// Bytes that a torrent file may have, from disk or from the network.
  static let limit = 64 << 20

  init(_ text: String) {
    let start = text.prefix(8).lowercased()
    if start.hasPrefix("magnet:") {
      self = .magnet(text)
    } else if start.hasPrefix("http://") || start.hasPrefix("https://") {
      self = .url(text)
    } else {
      self = .file(text)
    }
  }

  /// Reads and checks a torrent file; `-` is standard input.
  static func load(_ path: String) throws(Failure) -> Metainfo {
    if case .folder = FileSystem.kind(path) {
      throw Failure("'\(path)' is a folder; name a .torrent file (apus create makes one of a folder)")
    }
    return try parse(try FileSystem.read(path, limit: limit), from: path)
  }

  /// Checks the bytes of a torrent file that came from `source`.
  static func parse(_ bytes: [UInt8], from source: String) throws(Failure) -> Metainfo {
    do throws(MetainfoError) {
      return try Metainfo(bytes)
    } catch {
      throw Failure("'\(source)' cannot be used: \(error)")
    }
  }
}
