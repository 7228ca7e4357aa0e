/// The paths given out so far, so that no two files share one and no file is another's folder.
struct PathTable {
  private struct Key: Hashable {
    let folder: Int32
    let name: String

    // By bytes: two spellings of the same letters are two files on Linux.
    static func == (one: Key, other: Key) -> Bool {
      one.folder == other.folder && one.name.utf8.elementsEqual(other.name.utf8)
    }

    func hash(into hasher: inout Swift.Hasher) {
      hasher.combine(folder)
      var name = name
      name.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }

  private struct Entry {
    /// The folder's number, or `nil` for a file.
    var folder: Int32?
    /// Where a folder of this name went, if a file has the name.
    var alias: String?
    /// The number to try next for a second entry of this name.
    var number = 2
  }

  private var entries: [Key: Entry] = [:]
  private var folders: Int32 = 1

  init(capacity: Int) { entries.reserveCapacity(capacity) }

  /// Takes `path` for a file; returns it with those components changed that were taken already.
  mutating func place(_ path: [String]) -> [String] {
    var path = path
    var folder: Int32 = 0
    for index in path.indices.dropLast() { folder = enter(&path[index], in: folder) }
    guard let last = path.indices.last else { return path }
    if entries[Key(folder: folder, name: path[last])] != nil {
      path[last] = freeName(path[last], in: folder)
    }
    entries[Key(folder: folder, name: path[last])] = Entry()
    return path
  }

  private mutating func enter(_ name: inout String, in folder: Int32) -> Int32 {
    if let entry = entries[Key(folder: folder, name: name)] {
      if let number = entry.folder { return number }
      if let alias = entry.alias, let number = entries[Key(folder: folder, name: alias)]?.folder {
        name = alias
        return number
      }
      let alias = freeName(name, in: folder)
      entries[Key(folder: folder, name: name)]?.alias = alias
      name = alias
    }
    let number = folders
    folders += 1
    entries[Key(folder: folder, name: name)] = Entry(folder: number)
    return number
  }

  /// The first of `name~2`, `name~3` … that is free; goes on where it stopped, so that a million equal
  /// names stay cheap.
  private mutating func freeName(_ name: String, in folder: Int32) -> String {
    let key = Key(folder: folder, name: name)
    var number = entries[key]?.number ?? 2
    while true {
      let candidate = SafeName.numbered(name, mark: "~\(number)")
      number += 1
      if entries[Key(folder: folder, name: candidate)] == nil {
        entries[key]?.number = number
        return candidate
      }
    }
  }
}
