package demo

// PicturesOf is Pictures at another size: small ones are drawn sooner.
var PicturesOf = picturesOf
