// Bencode
