// Metainfo
