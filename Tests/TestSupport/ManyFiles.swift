import Bencode
import Metainfo

extension TestTorrent {
  /// The same content as files one behind the other, in v1 without padding: neighbours share pieces.
  public func split(into files: [(path: String, size: Int)]) -> TestTorrent {
    var info: Bencode = [:]
    info["name"] = .text("folder")
    info["piece length"] = .integer(Int64(pieceLength))
    info["pieces"] = metainfo["info"]?["pieces"]
    info["files"] = .list(
      files.map { file in
        [
          "length": .integer(Int64(file.size)),
          "path": .list(file.path.split(separator: "/").map { .text(String($0)) }),
        ]
      })
    return renamed(info)
  }
}
