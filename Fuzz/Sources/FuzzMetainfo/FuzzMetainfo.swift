import Bytes
import FuzzDriver
import Metainfo

/// Whatever a torrent says, its files stay inside the folder, its pieces add up, and it survives being
/// written and read again.
@main
enum FuzzMetainfo {
  static func main() {
    let code = fuzz { start, count in
      FuzzMetainfo.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    let metainfo: Metainfo
    do {
      metainfo = try Metainfo(input)
    } catch {
      precondition(!"\(error)".isEmpty)
      // An info dictionary alone, as it comes from peers.
      if let info = try? Info(input) { examine(info) }
      return
    }
    examine(metainfo.info)
    let written = metainfo.encoded()
    guard let again = try? Metainfo(written) else {
      preconditionFailure("a torrent cannot be read after it was written")
    }
    precondition(again.info == metainfo.info)
    precondition(again.info.infoHashes == metainfo.info.infoHashes)
    precondition(again.trackers == metainfo.trackers)
    precondition(again.webSeeds == metainfo.webSeeds)
    precondition(again.pieceLayers == metainfo.pieceLayers)
    precondition(again.encoded() == written)
  }

  static func examine(_ info: Info) {
    examine(name: info.name)
    var content: Int64 = 0
    for file in info.files {
      precondition(file.length >= 0 && file.offset >= 0)
      precondition(file.offset + file.length <= info.pieceSpace || file.length == 0 || file.isPadding)
      if !file.isPadding {
        content += file.length
        precondition(!file.path.isEmpty)
        for component in file.path { examine(name: component) }
      }
      if case .symbolicLink(let target) = file.kind { for component in target { examine(name: component) } }
    }
    precondition(content == info.contentLength)
    for piece in Set([0, 1, info.pieceCount / 2, info.pieceCount - 2, info.pieceCount - 1])
    where piece >= 0 && piece < info.pieceCount {
      let size = info.pieceSize(piece)
      precondition(size > 0 && size <= info.pieceLength)
      precondition(info.files.indices.contains(info.fileIndex(ofPiece: piece)))
      precondition(info.padding(inPiece: piece) >= 0 && info.padding(inPiece: piece) <= size)
      var covered = 0
      info.forEachSegment(piece: piece, offset: 0, length: size) { segment in
        covered += segment.length
        precondition(segment.length > 0)
        let file = info.files[segment.file]
        if !segment.isPadding {
          precondition(segment.fileOffset >= 0 && segment.fileOffset + Int64(segment.length) <= file.length)
        }
      }
      precondition(covered == size)
    }
  }

  static func examine(name: String) {
    precondition(!name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255)
    for byte in name.utf8 { precondition(byte >= 0x20 && byte != 0x2f && byte != 0x7f) }
  }
}
