import Digest
import Metainfo

/// A torrent, or the link to one, as read from the command line.
enum LoadedSource: Sendable {
  case torrent(Metainfo)
  case magnet(Magnet)

  /// Reads and checks what `text` names.
  init(_ text: String, through interface: String? = nil) async throws(Failure) {
    switch TorrentSource(text) {
    case .file(let path): self = .torrent(try TorrentSource.load(path))
    case .url(let url): self = .torrent(try await TorrentFetch.load(url, through: interface))
    case .magnet(let link): self = .magnet(try Magnet.parsed(link))
    }
  }

  var isMagnet: Bool { if case .magnet = self { true } else { false } }

  /// What people know it by.
  var name: String {
    switch self {
    case .torrent(let metainfo): metainfo.info.name
    case .magnet(let magnet): magnet.displayName ?? magnet.infoHash?.description ?? ""
    }
  }
}
