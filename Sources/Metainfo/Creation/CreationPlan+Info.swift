import Bencode
import Bytes
import Digest

extension CreationPlan {
  /// The torrent that the hashes complete.
  func metainfo(
    _ hashes: CreationRun.Hashes, options: TorrentCreation.Options
  ) throws(CreationError) -> Metainfo {
    var layers = PieceLayers()
    var roots = [SHA256Digest?](repeating: nil, count: layout.files.count)
    if version.hasV2 {
      let hasher = SHA256()
      for (index, file) in layout.files.enumerated() where !file.isPadding && file.length > 0 {
        let layer = Array(hashes.v2[file.pieces])
        let root = MerkleTree.root(
          leaves: layer, width: MerkleTree.width(layer.count), level: MerkleTree.level(pieceLength),
          hasher: hasher)
        roots[index] = root
        if layer.count > 1 { layers[root] = layer }
      }
    }
    do {
      let bytes = dictionary(v1: hashes.v1, roots: roots, options).encoded()
      return Metainfo(
        info: try Info(bytes), trackers: options.trackers, webSeeds: options.webSeeds,
        nodes: options.nodes, pieceLayers: layers, comment: options.comment,
        createdBy: options.createdBy, creationDate: options.creationDate)
    } catch {
      throw .invalid(error)
    }
  }

  private func dictionary(
    v1: [SHA1Digest], roots: [SHA256Digest?], _ options: TorrentCreation.Options
  ) -> Bencode {
    var info: Bencode = ["name": .string(name), "piece length": .integer(Int64(pieceLength))]
    if options.isPrivate { info["private"] = 1 }
    info["source"] = options.source.map { .text($0) }
    if version.hasV1 {
      var pieces: [UInt8] = []
      pieces.reserveCapacity(v1.count * SHA1Digest.byteCount)
      for hash in v1 { hash.append(to: &pieces) }
      info["pieces"] = .string(pieces)
      if isFolder {
        info["files"] = .list(raw.map { entry($0, listsPath: true, root: nil) })
      } else {
        info["length"] = .integer(raw[0].length)
        if raw[0].attributes.isExecutable { info["attr"] = "x" }
      }
    }
    if version.hasV2 {
      info["meta version"] = 2
      let files = raw.indices.filter { !raw[$0].attributes.isPadding }
      info["file tree"] =
        isFolder
        ? tree(files[...], depth: 0, roots)
        : .dictionary([name: ["": entry(raw[0], listsPath: false, root: roots[0])]])
    }
    return info
  }

  /// The tree over `files`, which are in its order, from component `depth` of their paths.
  private func tree(_ files: ArraySlice<Int>, depth: Int, _ roots: [SHA256Digest?]) -> Bencode {
    var entries: [[UInt8]: Bencode] = [:]
    var rest = files
    while let first = rest.first {
      let name = raw[first].path[depth]
      if raw[first].path.count == depth + 1 {
        entries[name] = ["": entry(raw[first], listsPath: false, root: roots[first])]
        rest = rest.dropFirst()
      } else {
        let inside = rest.prefix { raw[$0].path[depth] == name }
        entries[name] = tree(inside, depth: depth + 1, roots)
        rest = rest.dropFirst(inside.count)
      }
    }
    return .dictionary(entries)
  }

  private func entry(_ file: RawFile, listsPath: Bool, root: SHA256Digest?) -> Bencode {
    var entry: Bencode = ["length": .integer(file.length)]
    if listsPath { entry["path"] = .list(file.path.map { .string($0) }) }
    if file.attributes.isPadding { entry["attr"] = "p" }
    if file.attributes.isExecutable { entry["attr"] = "x" }
    if let target = file.attributes.linkTarget {
      entry["attr"] = "l"
      entry["symlink path"] = .list(target.map { .string($0) })
    }
    entry["pieces root"] = root.map { .string($0.bytes) }
    return entry
  }
}
