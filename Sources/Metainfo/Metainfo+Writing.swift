import Bencode
import Bytes
import Digest

extension Metainfo {
  /// The torrent file: canonical around the info dictionary, which goes in byte for byte.
  public func encoded() -> [UInt8] {
    var root: Bencode = ["info": .raw(info.bytes)]
    if let first = trackers.first?.first { root["announce"] = .text(first) }
    if trackers.count > 1 || (trackers.first?.count ?? 0) > 1 {
      root["announce-list"] = .list(trackers.map { .list($0.map { .text($0) }) })
    }
    if webSeeds.count == 1 {
      root["url-list"] = .text(webSeeds[0])
    } else if !webSeeds.isEmpty {
      root["url-list"] = .list(webSeeds.map { .text($0) })
    }
    if !nodes.isEmpty {
      root["nodes"] = .list(nodes.map { .list([.text($0.host), .integer(Int64($0.port))]) })
    }
    root["comment"] = comment.map { .text($0) }
    root["created by"] = createdBy.map { .text($0) }
    root["creation date"] = creationDate.map { .integer($0) }
    let outside = similar.filter { !info.similar.contains($0) }
    if !outside.isEmpty { root["similar"] = .list(outside.map { .string($0.bytes) }) }
    let names = collections.filter { !info.collections.contains($0) }
    if !names.isEmpty { root["collections"] = .list(names.map { .text($0) }) }
    if info.version.hasV2 { root["piece layers"] = layersEncoded }
    return root.encoded()
  }

  private var layersEncoded: Bencode {
    var entries: [[UInt8]: Bencode] = [:]
    for root in pieceLayers.roots {
      var row: [UInt8] = []
      for hash in pieceLayers[root] ?? [] { hash.append(to: &row) }
      entries[root.bytes] = .string(row)
    }
    return .dictionary(entries)
  }
}
